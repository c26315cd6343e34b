/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of a list: all machines, with one look at each, or with less where the index knows it (recall.h). */
#ifndef BERTH_MACHINE_LIFE_ROWS_H
#define BERTH_MACHINE_LIFE_ROWS_H

#include "machine/life/life.h"
#include "machine/state/move.h"

/* All borrowed. */
struct row {
	const char *name;
	/*
	 * NULL: nothing of it can be read. Out of the index it has its name, and of its settings template, pool,
	 * network, created, ephemeral, privileged, nesting and labels.
	 */
	const struct machine *machine;
	/* Without cgroup, and without the fields of the lease that are no addresses; memory as was wanted. */
	const struct machine_status *status;
	const struct move_mark *move;
	bool move_fault;     /* the mark of its move cannot be read */
	const char *missing; /* "machine.conf", "pool" or "volume"; NULL: it is whole */
	const struct err *fault;
};

struct rows_want {
	bool memory;   /* status->memory and memory_max */
	bool settings; /* all settings, which the index does not have */
	/* Chooses machines, whose files are read; NULL: all. */
	bool (*chooses)(void *context, const char *name);
	int (*visit)(void *context, const struct row *row);
	void *context;
};

/*
 * Calls visit for each machine, sorted by name, and then for each root in a pool whose machine has no folder; stops at
 * nonzero and returns it. A machine that was deleted meanwhile, or was never finished, is none. Changes no state.
 */
int rows_each(const struct dirs *dirs, const struct rows_want *want, struct err *err);

#endif
