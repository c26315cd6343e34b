/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a move on both hosts. Each is under the machine's lock, and its mark (state/move.h) is on the disk
 * before the step counts.
 */
#ifndef BERTH_MACHINE_MANAGE_MOVING_H
#define BERTH_MACHINE_MANAGE_MOVING_H

#include "machine/manage/travel.h"
#include "machine/state/move.h"

/* ---- The sender's side */

/* Writes the mark with that phase; mark->phase follows. 0 or -code. */
int moving_note(struct machine *machine, struct move_mark *mark, enum move_phase phase,
		struct err *err);

/*
 * The machine stops and stays so while the caller lives; mark->ran tells whether it ran. *killed: it did not halt in
 * time. The settings must still be `settings`, if
 * these are given. 0 or -code, after which it may start again.
 */
int moving_stop(struct machine *machine, struct move_mark *mark, const char *settings, bool *killed,
		struct err *err);

/*
 * Copies a machine that runs again and again, until a copy takes less than a second, or not much less than the one before:
 * each has what the machine wrote during the last. *took: milliseconds, set by copy. 0 or -code.
 */
int moving_copy_rounds(int (*copy)(void *context, struct err *err), void *context,
		       const int64_t *took, struct err *err);

/*
 * Whether the volumes for data of the machine can go with it. -EBUSY: another machine has one of them too.
 */
int moving_check_volumes(const struct machine *machine, struct err *err);

/* The text of machine.conf; the caller owns it. 0 or -code. */
int moving_settings(const struct machine *machine, char **text, struct err *err);

/* ---- The receiver's side */

/*
 * Whether a machine with these settings could run here as spec says (its fd is not used), with all causes in one error.
 * size: of its contents, in bytes; 0: not known. update: it is here with its mark, and gets these settings. Else
 * nothing is changed.
 */
int moving_check(const struct dirs *dirs, const struct import_spec *spec,
		 const struct text *settings, uint64_t size, bool update, struct err *err);

/* A stopped machine of this host gives way to the one that comes: it gets the mark. */
int moving_claim(struct machine *machine, const struct move_mark *mark, struct err *err);
/* The machine is this host's from here on. -EREMOTE: it has not the mark of that move. */
int moving_accept(struct machine *machine, const char *token, struct err *err);
/* It did not start, or is to go back: it is the sender's again. -EBUSY: it runs. */
int moving_return(struct machine *machine, const struct move_mark *mark, struct err *err);
/* Deletes what has arrived, with its volumes, if it has the mark of that move. */
int moving_discard(struct machine *machine, const char *token, struct err *err);

#endif
