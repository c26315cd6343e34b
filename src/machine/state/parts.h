/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a machine: folder, settings, pool and volume. A machine that lacks a part is broken, and errors name the
 * ways out. A missing part is never a reason to remove the others.
 */
#ifndef BERTH_MACHINE_STATE_PARTS_H
#define BERTH_MACHINE_STATE_PARTS_H

#include "machine/state/machine.h"
#include "storage/inventory.h"

#include <stdbool.h>

/*
 * Searches for parts of a machine without settings, whose config has defaults only. True if any part exists; then the
 * fault says what is missing, and config.pool names the pool that has its volume, if a reachable pool does. act: pools
 * are attached for the search.
 */
bool parts_find(struct machine *machine, bool act);

/*
 * Checks the parts of a machine that was opened or looked at: 0 if it is whole, or -code with an error text.
 * *missing (may be NULL): "machine.conf", "pool" or "volume".
 */
int parts_check(const struct machine *machine, struct inventory *inventory, const char **missing,
		struct err *err);

/*
 * The error for a machine whose volume does not exist (-ENODATA), with the ways out; -ENOENT: its name has just gone
 * too; -EBUSY: it is in another pool now.
 */
int parts_lost_volume(const struct machine *machine, struct err *err);

/*
 * Calls visit with each volume of the pools within reach that belongs to no machine, template or volume for data,
 * sorted within a pool: the folder is gone, or its settings name another pool. Stops at nonzero and returns it.
 */
int parts_each_stray(struct inventory *inventory,
		     int (*visit)(void *, const char *pool, const char *volume), void *context,
		     struct err *err);

#endif
