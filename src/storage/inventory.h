/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The volumes of all pools, as far as they can be found without attaching a pool. Commands that look at all machines
 * and templates use it to find missing volumes, and volumes without an owner.
 */
#ifndef BERTH_STORAGE_INVENTORY_H
#define BERTH_STORAGE_INVENTORY_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/stamp.h"

#include <stdbool.h>
#include <stddef.h>

/* Looks at each pool once. A new inventory is zeroed, but for dirs, attach and quick. */
struct inventory {
	const struct dirs *dirs; /* borrowed */
	bool attach;             /* attach a pool if there is no other way to know its volumes */
	bool quick;              /* read no catalogues of pools, whose volumes are unknown then */
	struct pool_inventory *pools; /* owned */
	size_t count;
};

void inventory_free(struct inventory *inventory);
#define scoped_inventory __attribute__((cleanup(inventory_free)))

/*
 * Whether a volume is in its pool. 0: it is, or only an attached pool could tell. -ENOENT: it is missing; the pool was
 * looked at again to be sure. Else -code: the pool cannot be reached. Failures have a sentence.
 */
int inventory_volume(struct inventory *inventory, const char *pool, const char *volume,
		     struct err *err);

/*
 * Calls visit with each volume (none in the making) of each pool that can be reached; stops at nonzero and returns it.
 */
int inventory_each(struct inventory *inventory,
		   int (*visit)(void *, const char *pool, const char *volume), void *context,
		   struct err *err);

/* The same for one pool. */
int inventory_each_of(struct inventory *inventory, const char *pool,
		      int (*visit)(void *, const char *pool, const char *volume), void *context,
		      struct err *err);
/* Whether the volumes of a pool that was looked at are known. */
bool inventory_is_told(const struct inventory *inventory, const char *pool);

/*
 * The stamp of a pool: its settings, and the names of its volumes as far as a quick inventory reads them. now: as in
 * base/stamp.h. STAMP_UNKNOWN: the pool cannot be read.
 */
struct stamp inventory_stamp(const struct dirs *dirs, const char *pool, time_t now);

/* The first pool by name, of those that can be reached, that has this volume; its name is borrowed. NULL: none. */
const char *inventory_find(struct inventory *inventory, const char *volume);

/*
 * Finds the pool that has this volume: `wanted`, or if that is NULL the only one. The caller owns *pool. -ENOENT or
 * -EEXIST with a sentence.
 */
int inventory_holder(struct inventory *inventory, const char *wanted, const char *volume,
		     char **pool, struct err *err);

#endif
