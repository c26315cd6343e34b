/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a machine: folder, settings, pool and volume. One of which a part is missing is broken, and
 * is told with the ways out; nobody concludes from it that the rest is of no use.
 */
#ifndef BERTH_MACHINE_STATE_PARTS_H
#define BERTH_MACHINE_STATE_PARTS_H

#include "machine/state/machine.h"
#include "storage/survey.h"

#include <stdbool.h>

/*
 * Of a machine without settings, whose config is all defaults: whether anything of it is there. Then the fault
 * says what is missing, and config.pool names the pool that holds its volume, if one within reach does.
 * act: pools are attached for the search.
 */
bool parts_find(struct machine *machine, bool act);

/*
 * What is missing of a machine that was opened or looked at: 0, or -code with a sentence. Its fault, its pool, its
 * volume. *missing (may be NULL): "machine.conf", "pool" or "volume".
 */
int parts_check(const struct machine *machine, struct survey *survey, const char **missing,
		struct err *err);

/* -ENOENT of a machine's volume, as an error of the machine's with the ways out. */
int parts_lost_volume(const struct machine *machine, struct err *err);

/*
 * Calls visit with each volume of the pools within reach that no machine or template has, sorted within a
 * pool: its folder is gone, or says another pool. Stops at nonzero and returns it.
 */
int parts_each_stray(struct survey *survey,
		     int (*visit)(void *, const char *pool, const char *volume), void *context,
		     struct err *err);

#endif
