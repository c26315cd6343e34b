/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that pass connections on to a machine (network/forwarder.h): those of a run, which come and go with it, and
 * those on demand, which live from `forward add` to `forward remove`, since a connection starts the machine.
 */
#ifndef BERTH_MACHINE_LIFE_PASSING_H
#define BERTH_MACHINE_LIFE_PASSING_H

#include "base/text.h"
#include "config/values.h"
#include "machine/state/machine.h"
#include "network/network.h"

/* Whether the machine has or had any. One look. */
bool passing_any(const struct machine *machine);

/*
 * Starts the process of a forward that needs one, unless it runs. A failure ends one that must not go on, as on a
 * network that is shut. lease: NULL for one on demand. Under the lock of forwards_lock, as the next two.
 */
int passing_start(const struct machine *machine, const struct section *section,
		  const struct forward *forward, bool shut, const struct lease *lease,
		  struct err *err);
/* The processes of forwards that are no longer in the settings, or need none, end. */
void passing_end_others(const struct machine *machine);
/* Writes where processes on demand find a machine that runs: its addresses. Costs nothing if there are none. */
int passing_note_addresses(const struct machine *machine, const struct lease *lease,
			   struct err *err);
/* Whether all processes are there that are to be while it runs, and no others, and find the machine. */
bool passing_is_current(const struct machine *machine, const struct lease *lease);

/* After a run: those that belong to it end. */
void passing_end_run(const struct machine *machine);
/* All end, of a machine that is about to go, or has gone, by its name. */
void passing_end_all(const struct dirs *dirs, const char *name);
int passing_stop(const struct machine *machine, const char *name, struct err *err);

/*
 * Makes the forwards on demand listen, whether the machine runs or not, and ends those that are no longer to be.
 * left_out: NULL, or gets a line for each that cannot. Costs nothing if the machine has no forwards.
 */
void passing_listen(const struct machine *machine, struct text *left_out);
/* The same for all machines, as after a boot of the host. passing_end_listening ends those of all. */
void passing_listen_all(const struct dirs *dirs, struct text *left_out);
void passing_end_listening(const struct dirs *dirs);

/*
 * The lock of commands that stop all machines, while which none is started by a connection. A descriptor, or -code.
 * passing_is_shut: whether a command has it.
 */
int passing_shut(const struct dirs *dirs, struct err *err);
bool passing_is_shut(const struct dirs *dirs);

/*
 * Notes why a connection could not start or resume the machine, until one does (NULL). passing_failure: that note, while
 * the machine does not run and the forward's process lives; the caller owns it; NULL: there is none.
 */
void passing_note_failure(const struct machine *machine, const char *forward, const char *why);
char *passing_failure(const struct machine *machine, const char *forward);

/* Whether the process of a forward was ended on purpose, or never began: it was not killed. */
bool passing_has_ended(const struct machine *machine, const char *forward);

/* Tells that a connection could not start or resume the machine: in its keeper.log, and by an event. */
void passing_tell_failed(const struct machine *machine, const char *forward, const struct err *why);

#endif
