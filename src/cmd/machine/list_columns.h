/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The columns of list, and the orders of its rows. */
#ifndef BERTH_CMD_MACHINE_LIST_COLUMNS_H
#define BERTH_CMD_MACHINE_LIST_COLUMNS_H

#include "base/err.h"
#include "cmd/cli/table.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"
#include "machine/state/move.h"

/* A machine that is listed. */
struct subject {
	const char *name;
	const struct machine *machine;       /* NULL: a part is missing */
	const struct machine_status *status; /* NULL if machine is */
	const struct move_mark *move;        /* the same */
	time_t now;
};

/* The columns of one list, in their order. */
struct columns {
	char *words;                                  /* owned: heads and names point into it */
	const char *names[TABLE_COLUMNS_MAX + 1];     /* "name", "label.role"; NULL-terminated */
	const char *heads[TABLE_COLUMNS_MAX + 1];     /* the same in capitals */
	const struct column *list[TABLE_COLUMNS_MAX]; /* NULL: a label */
	bool memory;                                  /* one of them shows it */
	bool settings; /* one of them shows a setting that the index of machines does not have */
};

/*
 * Takes the names of columns, separated by commas; NULL: the usual ones. EXIT_USAGE with the nearest name.
 * columns_free releases them.
 */
int columns_begin(struct columns *columns, const char *list, struct err *err);
void columns_free(struct columns *columns);
/* Adds a row to a table. */
void columns_add(const struct columns *columns, const struct subject *subject, struct table *table);

/* Checks an order: "name", "age" (the youngest first) or "memory" (the most first). EXIT_USAGE for another word. */
int order_check(const char *word, struct err *err);
/* The weight of a machine in that order: greater weights come first, and machines of equal weight keep their order. */
uint64_t order_weight(const char *word, const struct subject *subject);

#endif
