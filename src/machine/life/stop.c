/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a run: a halt on request, a kill, or a clean-up. */
#include "machine/life/clean.h"
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/state/ended.h"
#include "machine/state/owner.h"
#include "machine/state/private.h"

#include "base/deadlines.h"
#include "base/fault.h"
#include "base/scoped.h"

#include <limits.h>
#include <stdint.h>

enum {
	STOP_TRIES = 5,
	/* The time for the keeper's clean-up after its guest; after that the command no longer waits for it. */
	GRACE_MILLISECONDS = 15000,
	/* The wait for another command's lock in a forced stop. */
	HURRY_SECONDS = 1,
	DYING_SECONDS = 5,
};

struct stop {
	struct machine *machine;
	bool force;
	unsigned limit; /* seconds */
	enum stop_outcome outcome;
};

/* Takes the machine's lock, or returns -EALREADY; a command that is starting the machine is killed. */
static int lock_by_force(struct machine *machine, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, HURRY_SECONDS, &(struct err){ 0 });

	if (lock < 0) {
		bool killed = control_kill_starter(machine) == 0;
		lock = machine_lock(machine, killed ? DYING_SECONDS : 0, err);
	}
	if (lock < 0 || !run_alive(machine))
		return take_fd(&lock);
	scoped_close_fd(&lock);
	/* A keeper is about to start or to end. */
	return control_lock_unless_running(machine, err);
}

/* Cleans up without a keeper: a killed keeper has left its run, and its guest is dead. */
static int stop_leftover(struct stop *stop, enum stop_outcome without, struct err *err)
{
	struct machine *machine = stop->machine;
	scoped_fd int lock = stop->force ? lock_by_force(machine, err)
					 : control_lock_unless_running(machine, err);

	/* Another process has the lock: for the clean-up after a guest whose end is known, or for work without a run. */
	if (lock < 0 && stop->force && err->code == EBUSY &&
	    (run_has_finished(machine) || !run_needs_cleanup(machine))) {
		*err = (struct err){ 0 };
		stop->outcome = without;
		return 0;
	}
	if (lock < 0)
		return lock;
	bool left = run_needs_cleanup(machine);
	int r = left ? run_clean_dead(machine, err) : 0;
	bool failed = r == 0 && ended_acknowledge(machine);
	stop->outcome = left ? STOP_KILLED : failed ? STOP_WAS_FAILED : without;
	return r;
}

/* SAY_ENDED comes when the keeper's clean-up is complete; the process, and with it its lock, ends just after. */
static void wait_keeper_gone(struct machine *machine, int socket)
{
	struct protocol_message message;
	int r;

	do
		r = control_wait(machine, socket, &message, DEADLINE_KILL_MS, &(struct err){ 0 });
	while (r == 0);
}

/* Stops without the keeper, which was asked and has not answered in time. */
static int stop_without_keeper(struct stop *stop, int socket, struct err *err)
{
	*err = (struct err){ 0 };
	control_kill_keeper(socket);
	int r = stop_leftover(stop, STOP_KILLED, err);
	if (r == 0)
		stop->outcome = STOP_KILLED;
	return r;
}

/* 0, or -EALREADY: the machine was started meanwhile. */
static int stop_once(struct stop *stop, struct err *err)
{
	struct machine *machine = stop->machine;
	struct protocol_message message = { 0 };
	uint64_t promised = (uint64_t)stop->limit * 1000 + GRACE_MILLISECONDS;
	int patience = stop->force          ? DEADLINE_KILL_MS
		       : promised < INT_MAX ? (int)promised
					    : INT_MAX;

	scoped_fd int socket = control_connect(machine, &(struct err){ 0 });
	if (socket < 0)
		return stop_leftover(stop, STOP_WAS_STOPPED, err);
	int r = protocol_send(socket, stop->force ? ASK_KILL : ASK_HALT, stop->limit, NULL, 0, -1);
	while (r == 0 && message.type != SAY_ENDED)
		r = control_wait(machine, socket, &message, patience, err);
	if (r == -ETIMEDOUT)
		return stop_without_keeper(stop, socket, err);
	if (r == -ECONNRESET || r == -EPIPE) {
		*err = (struct err){ 0 };
		return stop_leftover(stop, STOP_CLEAN, err);
	}
	if (r < 0)
		return err->code ? -err->code
				 : err_set(err, -r, "machine '%s': its keeper does not answer",
					   machine->name);
	wait_keeper_gone(machine, socket);
	if (message.value == ENDED_FAILED)
		return stop_leftover(stop, STOP_CLEAN, err);
	stop->outcome = message.value == ENDED_KILLED ? STOP_KILLED : STOP_CLEAN;
	return 0;
}

int machine_stop(struct machine *machine, bool force, unsigned seconds, enum stop_outcome *outcome,
		 struct err *err)
{
	struct stop stop = {
		.machine = machine,
		.force = force,
		.limit = seconds ? seconds : (unsigned)machine->config.stop_timeout,
	};
	int r = -EALREADY;

	/* A machine that was starting is running now. */
	for (int tries = 0; r == -EALREADY && tries < STOP_TRIES; tries++)
		r = stop_once(&stop, err);
	*outcome = stop.outcome;
	if (r == -EALREADY)
		return err_set(err, EAGAIN,
			       "machine '%s' is started again and again; stop it again",
			       machine->name);
	return r;
}

/* Rules of other machines that name it follow. */
static int end_ephemeral(struct machine *machine,
			 int (*erase)(struct machine *, bool forget, struct err *), struct err *err)
{
	int r = erase(machine, false, err);

	machine_renew_peers_of(machine);
	return r;
}

int machine_finish(struct machine *machine, const char *how, const char *outcome,
		   int (*erase)(struct machine *, bool forget, struct err *), struct err *err)
{
	/*
	 * The end is noted before the lock, which another command may have for longer than we can wait: every observer
	 * of the stopped machine can also read how it ended.
	 */
	if (!machine->config.ephemeral)
		ended_write(machine, outcome, how);
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	fault_point("finish-begun");
	int r = run_clean(machine, err);
	if (r < 0)
		return r;
	fault_point("finish-cleaned");
	machine_tell(machine,
		     &(struct event){ .name = "stopped", .outcome = outcome, .cause = how });
	if (!machine->config.ephemeral)
		return 0;
	if (!owner_outlasts(machine))
		return end_ephemeral(machine, erase, err);
	/* Its owner goes on with its root, and deletes it. */
	run_mark_life(machine, false);
	return 0;
}
