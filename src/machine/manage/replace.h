/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's root gives way to a copy of another volume, in one stroke. */
#ifndef BERTH_MACHINE_MANAGE_REPLACE_H
#define BERTH_MACHINE_MANAGE_REPLACE_H

#include "machine/state/machine.h"
#include "storage/storage.h"

struct replacement {
	struct pool *from;  /* borrowed; the machine's own pool, or another */
	const char *volume; /* borrowed; it stays */
	const char *
		snapshot; /* borrowed; the snapshot of the machine that it is; NULL: another's root, a fresh copy */
	const char *verb; /* for sentences: "restore" */
	bool *done; /* becomes true once the root was replaced, whatever fails behind that; NULL: not asked */
};

/*
 * For a stopped machine, under its lock: a copy of the volume changes places with the root, and the old root goes. A
 * kill before that leaves the old root, after it the new one; the next change of its snapshots clears the loser.
 * -ENOENT: that volume is not there.
 */
int root_replace(struct machine *machine, struct pool *pool, const struct replacement *by,
		 struct err *err);

/* Whether nobody holds a volume of the machine that is to go; a sentence that begins with the verb. */
int root_check_unused(struct pool *pool, const char *volume, const char *verb,
		      const struct machine *machine, struct err *err);

#endif
