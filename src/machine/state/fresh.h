/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a root is still that of the one it was copied from: it gets its own identity at its first start. */
#ifndef BERTH_MACHINE_STATE_FRESH_H
#define BERTH_MACHINE_STATE_FRESH_H

#include "machine/state/machine.h"

/* Under the machine's lock, all of them. Before a snapshot is taken: it is what the root is. */
int fresh_note(const struct machine *machine, const char *snapshot, struct err *err);

/* After it was deleted. */
void fresh_forget(const struct machine *machine, const char *snapshot);

/*
 * The root becomes that snapshot's: `before` the two change places, and after. A kill between leaves a root
 * that gets its identity once more, never one that keeps another's.
 */
int fresh_restore(const struct machine *machine, const char *snapshot, bool before,
		  struct err *err);

#endif
