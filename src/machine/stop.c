/* The end of a run: asked for, forced, or cleaned up after; and what it looks like from outside. */
#include "machine/control.h"
#include "machine/private.h"
#include "machine/run.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

/* What is left when there is no keeper to ask. */
static int stop_leftover(struct machine *machine, enum stop_outcome *outcome, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	*outcome = STOP_WAS_STOPPED;
	if (run_alive(machine))
		return err_set(err, EAGAIN, "machine '%s' was started meanwhile; stop it again",
			       machine->name);
	return access(machine->run, F_OK) == 0 ? run_clean(machine, err) : 0;
}

/* SAY_ENDED comes when the keeper's clean-up is through; its lock goes with its process, just after. */
static void wait_keeper_gone(int socket)
{
	struct protocol_message message;

	while (protocol_receive(socket, &message, NULL) > 0)
		;
}

int machine_stop(struct machine *machine, bool force, unsigned seconds, enum stop_outcome *outcome,
		 struct err *err)
{
	struct protocol_message message = { 0 };
	struct err unreachable = { 0 };
	unsigned limit = seconds ? seconds : (unsigned)machine->config.stop_timeout;

	scoped_fd int socket = control_connect(machine, &unreachable);
	if (socket < 0)
		return stop_leftover(machine, outcome, err);
	int r = protocol_send(socket, force ? ASK_KILL : ASK_HALT, limit, NULL, 0, -1);
	while (r == 0 && message.type != SAY_ENDED)
		r = control_wait(machine, socket, &message, -1, err);
	if (r == -ECONNRESET || r == -EPIPE) {
		/* The keeper was killed, and the guest with it: the rest is ours to do. */
		*err = (struct err){ 0 };
		r = stop_leftover(machine, outcome, err);
		*outcome = STOP_KILLED;
		return r;
	}
	if (r < 0)
		return err->code ? -err->code
				 : err_set(err, -r, "machine '%s': its keeper does not answer",
					   machine->name);
	wait_keeper_gone(socket);
	*outcome = message.value == ENDED_KILLED ? STOP_KILLED : STOP_CLEAN;
	return 0;
}

int machine_finish(struct machine *machine, const char *how, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	int r = run_clean(machine, err);
	if (r < 0)
		return r;
	if (machine->config.ephemeral)
		return machine_erase(machine, err);
	run_write_ended(machine, how);
	return 0;
}

const char *machine_state_name(enum machine_state state)
{
	switch (state) {
	case MACHINE_STOPPED:
		return "stopped";
	case MACHINE_STARTING:
		return "starting";
	case MACHINE_RUNNING:
		return "running";
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

static uint64_t read_memory(const struct machine *machine)
{
	char group[128], point[256], path[512];
	scoped_free char *text = NULL;
	uint64_t bytes = 0;

	run_cgroup(machine, group, sizeof group);
	if (cgroup_mount_point(point, sizeof point) < 0 ||
	    text_print(path, sizeof path, "%s/%s/memory.current", point, group) < 0 ||
	    file_read(AT_FDCWD, path, 64, &text) < 0 || sscanf(text, "%" SCNu64, &bytes) != 1)
		return 0;
	return bytes;
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
	status->state = run_file(machine, "halting") ? MACHINE_STOPPING : MACHINE_RUNNING;
	status->booted = run_file(machine, "booted");
	status->init = state.init;
	status->started = state.started;
	status->memory = read_memory(machine);
}

static void read_ended(const struct machine *machine, char *out, size_t room)
{
	scoped_free char *path = machine_path(machine, "ended");
	scoped_free char *text = NULL;

	if (path && file_read(AT_FDCWD, path, 256, &text) > 0)
		text_print(out, room, "%s", text_trim(text));
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
	if (status->state == MACHINE_STOPPED)
		read_ended(machine, status->ended, sizeof status->ended);
	if (*machine->config.network)
		find_lease(machine, status);
	return 0;
}
