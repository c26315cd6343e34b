/* What a machine looks like from outside: cached state only, so that many can be looked at. */
#include "machine/private.h"
#include "machine/run.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/cgroup.h"

#include <fcntl.h>
#include <string.h>

const char *machine_state_name(enum machine_state state)
{
	switch (state) {
	case MACHINE_STOPPED:
		return "stopped";
	case MACHINE_STARTING:
		return "starting";
	case MACHINE_RUNNING:
		return "running";
	case MACHINE_PAUSED:
		return "paused";
	case MACHINE_HELD:
		return "held";
	case MACHINE_STOPPING:
		return "stopping";
	}
	return "unknown";
}

static bool run_file(const struct machine *machine, const char *name)
{
	char path[4096];

	return text_print(path, sizeof path, "%s/%s", machine->run, name) == 0 &&
	       access(path, F_OK) == 0;
}

static void read_run(struct machine *machine, struct machine_status *status)
{
	struct run_state state;

	if (!run_alive(machine)) {
		/* Without a keeper the folder is a killed one's, unless somebody is at work on it now. */
		scoped_fd int lock = machine_lock(machine, 0, &(struct err){ 0 });
		status->state = lock < 0 ? MACHINE_STARTING : MACHINE_STOPPED;
		return;
	}
	if (run_read_state(machine, &state) < 0) {
		status->state = MACHINE_STARTING;
		return;
	}
	if (run_file(machine, "waiting")) {
		status->state = MACHINE_STARTING;
		status->keeper = state.keeper;
		return;
	}
	status->state = run_file(machine, "halting") ? MACHINE_STOPPING
			: machine_paused(machine)    ? MACHINE_PAUSED
			: run_file(machine, "held")  ? MACHINE_HELD
						     : MACHINE_RUNNING;
	status->booted = run_file(machine, "booted");
	status->init = state.init;
	status->keeper = state.keeper;
	status->started = state.started;
	status->cgroup[0] = '/';
	run_cgroup(machine, status->cgroup + 1, sizeof status->cgroup - 1);
	run_read_count(machine, "memory.current", &status->memory);
}

int machine_last_end(const struct machine *machine, char *out, size_t room)
{
	scoped_free char *path = machine_path(machine, "ended");
	scoped_free char *text = NULL;

	if (!path)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, path, 256, &text);
	return n < 0 ? (int)n : text_print(out, room, "%s", text_trim(text));
}

static void find_lease(const struct machine *machine, struct machine_status *status)
{
	scoped_network struct network opened = { 0 };
	struct network *network = machine->network;
	struct err ignored = { 0 };

	if (!network || strcmp(network->name, machine->config.network) != 0) {
		network = &opened;
		if (network_open(network, machine->site, machine->config.network, &ignored) < 0)
			return;
	}
	status->leased = lease_find(network, machine->name, &status->lease, &ignored) == 0;
}

int machine_status(struct machine *machine, struct machine_status *status, struct err *err)
{
	(void)err;
	*status = (struct machine_status){ .state = MACHINE_STOPPED };
	if (access(machine->run, F_OK) == 0)
		read_run(machine, status);
	if (*machine->config.network)
		find_lease(machine, status);
	return 0;
}
