/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fresh root still has the identity of its origin, and gets its own at its first start. The mark of that follows the
 * root into snapshots and back. All functions are called under the machine's lock.
 */
#ifndef BERTH_MACHINE_STATE_FRESH_H
#define BERTH_MACHINE_STATE_FRESH_H

#include "machine/state/machine.h"

/* Whether the root, or what a snapshot (NULL: none) kept of it, has the mark. */
bool fresh_is(const struct machine *machine, const char *snapshot);

/* The root is about to become a copy of another's. */
int fresh_mark(const struct machine *machine, struct err *err);

/* Called before a snapshot is taken: records whether it is fresh. */
int fresh_note(const struct machine *machine, const char *snapshot, struct err *err);

/* Called before a snapshot is renamed: the new name gets the mark of the old one. */
int fresh_copy(const struct machine *machine, const char *snapshot, const char *to,
	       struct err *err);

/* Called after a snapshot was deleted; NULL: the root is no fresh copy after all. */
void fresh_forget(const struct machine *machine, const char *snapshot);

/*
 * Gives the root the mark of a snapshot that is being restored. Called before root and snapshot change places, and
 * after. A kill in between leaves a root that gets its identity once more, never one that keeps another's.
 */
int fresh_restore(const struct machine *machine, const char *snapshot, bool before,
		  struct err *err);

#endif
