/* The end of a run: asked for, forced, or cleaned up after. */
#include "machine/control.h"
#include "machine/ended.h"
#include "machine/private.h"
#include "machine/run.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

/* When there is no keeper to ask: one that was killed has left its run behind, with a dead guest. */
static int stop_leftover(struct machine *machine, enum stop_outcome without,
			 enum stop_outcome *outcome, struct err *err)
{
	scoped_fd int lock = control_lock_stopped(machine, err);

	if (lock == -EALREADY)
		return err_set(err, EAGAIN, "machine '%s' was started meanwhile; stop it again",
			       machine->name);
	if (lock < 0)
		return lock;
	bool left = run_left(machine);
	int r = left ? run_clean_dead(machine, err) : 0;
	bool failed = r == 0 && ended_acknowledge(machine);
	*outcome = left ? STOP_KILLED : failed ? STOP_WAS_FAILED : without;
	return r;
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
		return stop_leftover(machine, STOP_WAS_STOPPED, outcome, err);
	int r = protocol_send(socket, force ? ASK_KILL : ASK_HALT, limit, NULL, 0, -1);
	while (r == 0 && message.type != SAY_ENDED)
		r = control_wait(machine, socket, &message, -1, err);
	if (r == -ECONNRESET || r == -EPIPE) {
		*err = (struct err){ 0 };
		return stop_leftover(machine, STOP_CLEAN, outcome, err);
	}
	if (r < 0)
		return err->code ? -err->code
				 : err_set(err, -r, "machine '%s': its keeper does not answer",
					   machine->name);
	wait_keeper_gone(socket);
	if (message.value == ENDED_FAILED)
		return stop_leftover(machine, STOP_CLEAN, outcome, err);
	*outcome = message.value == ENDED_KILLED ? STOP_KILLED : STOP_CLEAN;
	return 0;
}

int machine_finish(struct machine *machine, const char *how, const char *outcome, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	/* While the run folder is there, so that nobody sees it stopped before he sees how. */
	if (!machine->config.ephemeral)
		ended_write(machine, outcome, how);
	int r = run_clean(machine, err);
	if (r < 0)
		return r;
	machine_tell(machine,
		     &(struct event){ .name = "stopped", .outcome = outcome, .cause = how });
	return machine->config.ephemeral ? machine_erase(machine, err) : 0;
}
