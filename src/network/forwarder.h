/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that pass connections on for forwards of mode proxy: one berth-forward each. RUN/forwards/MACHINE/FORWARD
 * says how it was started, and is locked by the process as long as it lives. Changes need the lock "forwards".
 */
#ifndef BERTH_NETWORK_FORWARDER_H
#define BERTH_NETWORK_FORWARDER_H

#include "config/values.h"
#include "network/network.h"

struct forwarder {
	const struct dirs *dirs;
	const char *machine, *name; /* of the forward */
	const char *run;            /* the run folder of the machine; only for a start */
};

/*
 * Starts the process, after one that was started otherwise has ended, and waits until it serves; nothing is done if it
 * runs. The sentence of a failure does not name the forward. -EADDRINUSE, -EADDRNOTAVAIL: for want of the port. lease:
 * not used for a forward on demand, whose process asks for the address with each connection.
 */
int forwarder_start(const struct forwarder *forwarder, const struct forward *forward,
		    const struct lease *lease, struct err *err);
/* Ends it, with its connections. Idempotent. */
int forwarder_stop(const struct forwarder *forwarder, struct err *err);

bool forwarder_lives(const struct forwarder *forwarder);
/* The path of its note, which the caller owns, and the most that a note has. */
enum { FORWARDER_NOTE_MAX = 4096 };
char *forwarder_note_path(const struct forwarder *forwarder);
/* Whether it has a note, which only its end on purpose removes. */
bool forwarder_has_note(const struct forwarder *forwarder);
/*
 * Adds to the note of a process that lives why it could not start its machine, or takes it away (NULL). forwarder_failure:
 * the sentence, which the caller owns; NULL: there is none.
 */
void forwarder_note_failure(const struct forwarder *forwarder, const char *why);
char *forwarder_failure(const struct forwarder *forwarder);
/* Whether it lives and was started so. */
bool forwarder_is_current(const struct forwarder *forwarder, const struct forward *forward,
			  const struct lease *lease);

/*
 * Notes in the run folder where processes on demand find the machine; and whether that is noted. The addresses are the
 * lease's.
 */
int forwarder_note_addresses(const char *run, const struct lease *lease, struct err *err);
bool forwarder_has_addresses(const char *run, const struct lease *lease);

/* Whether the machine has or had any. One look. */
bool forwarders_any(const struct dirs *dirs, const char *machine);
/* Visits all that a machine has or had, in no order, until one returns nonzero, which is returned. */
int forwarders_each(const struct dirs *dirs, const char *machine,
		    int (*visit)(void *context, const struct forwarder *forwarder), void *context);

#endif
