/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables: rows of cells under heads, sorted, and printed for people or as CSV. */
#ifndef BERTH_CMD_CLI_TABLE_H
#define BERTH_CMD_CLI_TABLE_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Columns with a heading, each as wide as its widest cell. */
enum { TABLE_COLUMNS_MAX = 16 };
struct table {
	const char *const *heads; /* borrowed, NULL-terminated, at most TABLE_COLUMNS_MAX */
	size_t columns;
	struct text cells; /* NUL-terminated one after the other */
	size_t count;
};
void table_begin(struct table *table, const char *const *heads);
/* Adds the next cell, from left to right; "" shows as "-". */
void table_add(struct table *table, const char *cell);
void table_format(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Adds a row for an object with a missing part: its name, "broken" in that column, and the fault on standard error.
 * With an array: adds an object to it instead.
 */
void table_add_broken(struct table *table, json_t *array, size_t column, const char *name,
		      const char *missing, const struct err *fault);
/* Adds the table as text. Columns that do not fit into the width go to further, indented lines; 0: no limit. */
void table_text(struct table *table, unsigned width, struct text *out);
/* Prints the table on standard output, and frees it. 0 or -ENOMEM. */
int table_print(struct table *table, struct err *err);
/* Prints it as CSV of RFC 4180, with these names in its first line, and frees it. */
int table_print_csv(struct table *table, const char *const *names, struct err *err);
/*
 * Sorts the rows by weights, one for each row: a greater weight comes first, and rows of equal weight keep their order.
 * array: its objects are sorted instead.
 */
int table_sort(struct table *table, json_t *array, const uint64_t *weights, struct err *err);

#endif
