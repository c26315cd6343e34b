/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking to a machine's keeper. */
#ifndef BERTH_MACHINE_LIFE_CONTROL_H
#define BERTH_MACHINE_LIFE_CONTROL_H

#include "keeper/protocol.h"
#include "machine/state/machine.h"

/* A connection. -ENOENT, in words, when the machine does not run. */
int control_connect(struct machine *machine, struct err *err);

/* A pidfd of the guest's init: surely that process, however often pids are used again. */
int control_guest(struct machine *machine, struct err *err);
/*
 * The same in two steps, for who has something else to do meanwhile. The connection that the first returns
 * is the caller's, and as long as it is open its keeper says SAY_HALTING over it.
 */
int control_ask_guest(struct machine *machine, struct err *err);
int control_take_guest(struct machine *machine, int connection, struct err *err);

/*
 * The machine's lock with no keeper alive, as a descriptor; or -EALREADY, quietly, when it runs. A
 * keeper that holds its own lock may be one that is just coming up, cleaning up, or dying of a kill:
 * only one that answers runs a machine. One that was asked to halt is waited for.
 */
int control_lock_stopped(struct machine *machine, struct err *err);

/*
 * control_mark_starter: we start the machine whose keeper's lock this is, until we execute the keeper or
 * end. control_kill_starter: kills who does. 0, or -errno; -ESRCH: nobody does.
 */
void control_mark_starter(int lock_fd);
int control_kill_starter(const struct machine *machine);

/* Kills the keeper at the other end, which does not answer, and with it its guest. 0 or -errno. */
int control_kill_keeper(int socket);

/* Waits for a message; SAY_REFUSED becomes an error. -ETIMEDOUT (milliseconds -1: never). */
int control_wait(struct machine *machine, int socket, struct protocol_message *message,
		 int milliseconds, struct err *err);

#endif
