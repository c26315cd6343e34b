/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/run_state.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Fields that are the same in all formats, so that every version can end the run: init, keeper, start time, ids. */
enum { FIELDS_FOR_EVER = 5, STATE_MAX = 8192 };

int run_write_state(const struct machine *machine, const struct run_state *state, struct err *err)
{
	scoped_free char *path = text_format("%s/state", machine->run);
	scoped_free char *aside = text_format("%s/state.new", machine->run);
	scoped_text struct text line = { 0 };

	text_add(&line, "%d %d %" PRIu64 " %" PRIu32 " %" PRIu32 " %u %u %s %d", (int)state->init,
		 (int)state->keeper, state->started, state->map.base, state->map.count,
		 major(state->disk), minor(state->disk), *state->network ? state->network : "-",
		 RUN_STATE_FORMAT);
	for (size_t i = 0; i < state->nic_count; i++)
		text_add(&line, " %s=%s", state->nics[i].name, state->nics[i].network);
	if (!path || !aside || text_add(&line, "\n") < 0)
		return err_set(err, ENOMEM, "out of memory");
	/* The run folder does not outlive the kernel, so nothing has to be synced. */
	scoped_fd int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line.data, line.length) != (ssize_t)line.length ||
	    rename(aside, path) < 0)
		return err_set(err, errno, "write '%s': %s", path, strerror(errno));
	return 0;
}

/* Reads "NAME=NETWORK ..."; stops at a word that is none. */
static void read_nics(const char *words, struct run_state *state)
{
	struct run_nic nic;
	int length;

	while (state->nic_count < NICS_MAX &&
	       sscanf(words, " %15[^= ]=%63s%n", nic.name, nic.network, &length) == 2) {
		state->nics[state->nic_count++] = nic;
		words += length;
	}
}

int run_read_state(const struct machine *machine, struct run_state *state)
{
	scoped_free char *path = text_format("%s/state", machine->run);
	scoped_free char *line = NULL;
	char network[sizeof state->network] = "";
	unsigned major_number, minor_number;
	int init, keeper, format = RUN_STATE_FORMAT, end = 0;

	*state = (struct run_state){ 0 };
	if (!path)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, path, STATE_MAX, &line);
	if (n < 0)
		return (int)n;
	/* The line of an older berth ends before the disk, the network, or the format's number. */
	int fields = sscanf(line, "%d %d %" SCNu64 " %" SCNu32 " %" SCNu32 " %u %u %63s %d%n",
			    &init, &keeper, &state->started, &state->map.base, &state->map.count,
			    &major_number, &minor_number, network, &format, &end);
	if (fields < FIELDS_FOR_EVER)
		return -EINVAL;
	state->init = init;
	state->keeper = keeper;
	/* The fields after these have another meaning in a newer format. */
	if (format > RUN_STATE_FORMAT)
		return 0;
	if (fields >= 7)
		state->disk = makedev(major_number, minor_number);
	if (fields >= 8 && strcmp(network, "-") != 0)
		memcpy(state->network, network, sizeof state->network);
	read_nics(line + end, state);
	return 0;
}

const char *run_nic_on(const struct run_state *state, const char *network)
{
	if (*state->network && strcmp(state->network, network) == 0)
		return LEASE_LINK;
	for (size_t i = 0; i < state->nic_count; i++) {
		if (strcmp(state->nics[i].network, network) == 0)
			return state->nics[i].name;
	}
	return NULL;
}

const char *run_network_of(const struct run_state *state, const char *nic)
{
	if (strcmp(nic, LEASE_LINK) == 0)
		return *state->network ? state->network : NULL;
	for (size_t i = 0; i < state->nic_count; i++) {
		if (strcmp(state->nics[i].name, nic) == 0)
			return state->nics[i].network;
	}
	return NULL;
}

int run_add_nic(struct run_state *state, const char *nic, const char *network)
{
	run_drop_nic(state, nic);
	if (state->nic_count == NICS_MAX)
		return -E2BIG;
	struct run_nic *noted = &state->nics[state->nic_count];
	snprintf(noted->name, sizeof noted->name, "%s", nic);
	snprintf(noted->network, sizeof noted->network, "%s", network);
	state->nic_count++;
	return 0;
}

void run_drop_nic(struct run_state *state, const char *nic)
{
	for (size_t i = 0; i < state->nic_count; i++) {
		if (strcmp(state->nics[i].name, nic) != 0)
			continue;
		state->nic_count--;
		memmove(&state->nics[i], &state->nics[i + 1],
			(state->nic_count - i) * sizeof state->nics[0]);
		return;
	}
}

bool run_alive(const struct machine *machine)
{
	char path[4096];

	if (text_print(path, sizeof path, "%s/keeper.lock", machine->run) < 0)
		return false;
	scoped_fd int fd = file_lock(path, FILE_LOCK_LOOK);
	return fd == -EWOULDBLOCK;
}

bool run_has_finished(const struct machine *machine)
{
	scoped_free char *path = text_format("%s/finished", machine->run);

	return path && access(path, F_OK) == 0;
}

bool run_going(const struct machine *machine)
{
	return run_alive(machine) && !run_has_finished(machine);
}

/* The end that the keeper saw and noted before its clean-up failed; false: there is no note. */
bool run_read_finished(const struct machine *machine, char **text, const char **how)
{
	scoped_free char *path = text_format("%s/finished", machine->run);

	if (!path || file_read(AT_FDCWD, path, 4096, text) < 0)
		return false;
	char *line = strchr(*text, '\n');
	if (!line)
		return false;
	*line = '\0';
	*how = line + 1;
	return true;
}

/* The keeper makes the file before it reports that the machine has started. */
bool run_has_begun(const struct machine *machine)
{
	scoped_free char *control = text_format("%s/control", machine->run);

	return control && access(control, F_OK) == 0;
}

bool run_has_lived(const struct machine *machine)
{
	scoped_free char *mark = machine_path(machine, "lives");

	return machine->config.ephemeral && mark && access(mark, F_OK) == 0;
}

/* The mark is not in the run folder, which is gone after a crash of the host. */
int run_mark_life(const struct machine *machine, bool lives)
{
	scoped_free char *mark = machine_path(machine, "lives");

	if (!mark)
		return -ENOMEM;
	if (!lives)
		return unlink(mark) < 0 && errno != ENOENT ? -errno : 0;
	scoped_fd int fd = open(mark, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}

const char *run_unsettled(const struct machine *machine)
{
	if (access(machine->run, F_OK) < 0)
		return run_has_lived(machine) ? "its host went down under it" : NULL;
	if (run_alive(machine) || machine_busy(machine) || run_has_finished(machine))
		return NULL;
	return run_has_begun(machine) ? "killed, with its keeper" : "its start was killed";
}
