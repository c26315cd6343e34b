/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking to a machine's keeper. */
#ifndef BERTH_MACHINE_LIFE_CONTROL_H
#define BERTH_MACHINE_LIFE_CONTROL_H

#include "keeper/protocol.h"
#include "machine/state/machine.h"

/* A connection to the keeper. -ENOENT with an error text when the machine does not run. */
int control_connect(struct machine *machine, struct err *err);
/* The error for a machine that does not run, with the reason if it is on its way to or from another host. -ENOENT. */
int control_refuse_down(const struct machine *machine, struct err *err);

/* A pidfd of the guest's init, from its keeper, so that a recycled pid is never meant. */
int control_guest(struct machine *machine, struct err *err);
/*
 * The same in two steps, for a caller that has other work to do meanwhile. The caller owns the connection that the
 * first returns; while it is open, the keeper sends SAY_HALTING over it when the machine halts.
 */
int control_ask_guest(struct machine *machine, struct err *err);
int control_take_guest(struct machine *machine, int connection, struct err *err);

/* Has the keeper, if one lives, read anew which volumes for data the guest has. */
void control_tell_volumes(struct machine *machine);

/*
 * Takes the machine's lock while no keeper lives, as a descriptor; -EALREADY, without an error text, if the machine
 * runs. A keeper that holds its own lock may be starting, cleaning up, or dying of a kill: only a keeper that
 * answers runs a machine. A keeper that was asked to halt is waited for.
 */
int control_lock_unless_running(struct machine *machine, struct err *err);

/*
 * Takes the machine's lock as a descriptor, after the clean-up if its guest has ended. *running: a keeper has a guest.
 */
int control_lock_ended(struct machine *machine, bool *running, struct err *err);

/*
 * control_mark_starter marks the caller as the starter of the machine whose keeper's lock this is, until it executes
 * the keeper or ends. control_kill_starter kills the starter. 0, or -errno; -ESRCH: there is none.
 */
void control_mark_starter(int lock_fd);
int control_kill_starter(const struct machine *machine);

/* Kills the keeper at the other end, which does not answer, and with it its guest. 0 or -errno. */
int control_kill_keeper(int socket);

/* Waits for a message; SAY_REFUSED becomes an error. -ETIMEDOUT (milliseconds -1: never). */
int control_wait(struct machine *machine, int socket, struct protocol_message *message,
		 int milliseconds, struct err *err);

#endif
