/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/table.h"

#include "base/scoped.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLD_INDENT = 4 };

void table_begin(struct table *table, const char *const *heads)
{
	*table = (struct table){ .heads = heads };
	while (heads[table->columns])
		table->columns++;
}

void table_add(struct table *table, const char *cell)
{
	text_add_bytes(&table->cells, cell, strlen(cell) + 1);
	table->count++;
}

void table_format(struct table *table, const char *fmt, ...)
{
	char *cell = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&cell, fmt, ap);
	va_end(ap);
	table_add(table, n < 0 ? "" : cell);
	if (n < 0)
		table->cells.failed = true;
	else
		free(cell);
}

/* All rows are folded at the same columns. */
static void add_row(const struct table *table, const size_t *widths, unsigned width,
		    const char *const *row, struct text *out)
{
	size_t at = 0;

	for (size_t i = 0; i < table->columns; i++) {
		if (width && at > 0 && at + widths[i] > width) {
			text_add(out, "\n");
			print_blanks(out, FOLD_INDENT);
			at = FOLD_INDENT;
		}
		at += widths[i] + 2;
		text_add_bytes(out, row[i], strlen(row[i]));
		bool last = i + 1 == table->columns || (width && at + widths[i + 1] > width);
		print_blanks(out, last ? 0 : widths[i] + 2 - print_width_of(row[i]));
	}
	text_add(out, "\n");
}

void table_text(struct table *table, unsigned width, struct text *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };
	const char *row[TABLE_COLUMNS_MAX];
	const char *at = text_str(&table->cells);

	for (size_t i = 0; i < table->columns; i++)
		widths[i] = print_width_of(table->heads[i]);
	for (size_t i = 0; i < table->count; i++, at += strlen(at) + 1) {
		size_t wide = print_width_of(at);
		if (wide > widths[i % table->columns])
			widths[i % table->columns] = wide;
	}
	add_row(table, widths, width, table->heads, out);
	at = text_str(&table->cells);
	for (size_t i = 0; i < table->count; i++, at += strlen(at) + 1) {
		row[i % table->columns] = *at ? at : "-";
		if (i % table->columns == table->columns - 1)
			add_row(table, widths, width, row, out);
	}
}

void table_add_broken(struct table *table, json_t *array, size_t column, const char *name,
		      const char *missing, const struct err *fault)
{
	if (array) {
		json_array_append_new(array, json_members((const struct json_member[]){
						     { "name", json_string(name) },
						     { "state", json_string("broken") },
						     { "missing", json_text(missing) },
						     { "error", json_text(fault->text) },
						     { 0 },
					     }));
		return;
	}
	print_error(fault);
	for (size_t i = 0; i < table->columns; i++)
		table_add(table, i == 0 ? name : i == column ? "broken" : "");
}

/* Prints the text of a table, and frees the table. */
static int print_text(struct table *table, const struct text *out, struct err *err)
{
	bool failed = table->cells.failed || out->failed;

	text_free(&table->cells);
	if (failed)
		return err_set(err, ENOMEM, "out of memory");
	output_text(text_str(out));
	return 0;
}

int table_print(struct table *table, struct err *err)
{
	scoped_text struct text out = { 0 };

	table_text(table, print_width(), &out);
	return print_text(table, &out, err);
}

/* RFC 4180: quotes surround a field that has a comma or a quote, and each quote in it is doubled. */
static void add_field(const char *field, struct text *out)
{
	if (!strpbrk(field, ",\"\r\n")) {
		text_add(out, "%s", field);
		return;
	}
	text_add(out, "\"");
	for (; *field; field++)
		text_add(out, *field == '"' ? "\"\"" : "%c", *field);
	text_add(out, "\"");
}

int table_print_csv(struct table *table, const char *const *names, struct err *err)
{
	scoped_text struct text out = { 0 };
	const char *at = text_str(&table->cells);

	for (size_t i = 0; i < table->columns; i++) {
		add_field(names[i], &out);
		text_add(&out, i + 1 < table->columns ? "," : "\r\n");
	}
	for (size_t i = 0; i < table->count; i++, at += strlen(at) + 1) {
		add_field(at, &out);
		text_add(&out, (i + 1) % table->columns ? "," : "\r\n");
	}
	return print_text(table, &out, err);
}

/* ---- Sorting */

struct place {
	uint64_t weight;
	size_t at;
};

static int by_weight(const void *a, const void *b)
{
	const struct place *first = a, *second = b;

	if (first->weight != second->weight)
		return first->weight > second->weight ? -1 : 1;
	return first->at < second->at ? -1 : first->at > second->at;
}

static int sort_array(json_t *array, const struct place *places, size_t count)
{
	json_t *sorted = json_array();
	int r = 0;

	for (size_t i = 0; i < count; i++)
		r |= json_array_append(sorted, json_array_get(array, places[i].at));
	if (r == 0)
		r = json_array_clear(array) | json_array_extend(array, sorted);
	json_decref(sorted);
	return r;
}

/* rows: the beginning of each row in the cells, and the end of the last one. */
static int sort_cells(struct table *table, const size_t *rows, const struct place *places,
		      size_t count)
{
	struct text sorted = { 0 };

	for (size_t i = 0; i < count; i++) {
		const size_t *row = &rows[places[i].at];
		text_add_bytes(&sorted, table->cells.data + row[0], row[1] - row[0]);
	}
	if (sorted.failed) {
		text_free(&sorted);
		return -ENOMEM;
	}
	text_free(&table->cells);
	table->cells = sorted;
	return 0;
}

static void find_rows(const struct table *table, size_t *rows)
{
	size_t at = 0;

	for (size_t i = 0; i <= table->count; i++) {
		if (i % table->columns == 0)
			rows[i / table->columns] = at;
		at += i < table->count ? strlen(table->cells.data + at) + 1 : 0;
	}
}

int table_sort(struct table *table, json_t *array, const uint64_t *weights, struct err *err)
{
	size_t count = array ? json_array_size(array) : table->count / table->columns;
	scoped_free struct place *places = calloc(count + 1, sizeof *places);
	scoped_free size_t *rows = calloc(count + 1, sizeof *rows);

	if (!places || !rows || table->cells.failed)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		places[i] = (struct place){ .weight = weights[i], .at = i };
	qsort(places, count, sizeof *places, by_weight);
	if (!array && count > 0)
		find_rows(table, rows);
	int r = array ? sort_array(array, places, count) : sort_cells(table, rows, places, count);
	return r != 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}
