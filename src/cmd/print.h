/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people and programs are shown: sentences on standard error, tables and JSON on standard output. */
#ifndef BERTH_CMD_PRINT_H
#define BERTH_CMD_PRINT_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * "berth: sentence" on standard error; control characters, which may come from a guest or from a
 * file, are shown as '?'.
 */
void print_error(const struct err *err);
/* From here on each sentence is a line of JSON: "error" and "code", an errno's name, or "note". */
void print_sentences_as_json(void);
void print_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same into a buffer: what print_error does to a text. */
void print_plain(const char *text, struct text *out);

/* How wide the terminal is that standard output goes to; 0: none, so that nothing has to fit. */
unsigned print_width(void);
/*
 * What a word means: the text in a column of its own behind it, as "%-*s %s", and where that does not fit into
 * the width, broken at blanks, in lines of its own if need be.
 */
void print_meaning(const char *word, unsigned column, const char *text, unsigned width,
		   struct text *out);

/* Columns with a heading, each as wide as its widest cell. */
struct table {
	const char *const *heads; /* borrowed, NULL-terminated */
	size_t columns;
	struct text cells; /* NUL-terminated one after the other */
	size_t count;
};
void table_begin(struct table *table, const char *const *heads);
/* The next cell, from left to right; "" shows as "-". */
void table_add(struct table *table, const char *cell);
void table_format(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * A row for something of which a part is missing: its name, "broken" in the column of that index, and the fault on
 * standard error. With an array, an object there instead.
 */
void table_add_broken(struct table *table, json_t *array, size_t column, const char *name,
		      const char *missing, const struct err *fault);
/* Columns that do not fit into that width stand in further lines, indented; 0: none is so wide. */
void table_text(struct table *table, unsigned width, struct text *out);
/* Prints it on standard output, and frees it. 0 or -ENOMEM. */
int table_print(struct table *table, struct err *err);

/* Prints a value on standard output and lets go of it; NULL: there was no memory to make it. */
int print_json(json_t *value, struct err *err);
/* A string, null for NULL and ""; bytes that are not UTF-8 become '?'. */
json_t *json_text(const char *text);
/* An integer, null for 0. */
json_t *json_count(uint64_t number);
json_t *json_address(bool known, struct in_addr address);

/* A member of an object; a list of them ends with { 0 }. */
struct json_member {
	const char *name;
	json_t *value; /* json_members takes it over; NULL: out of memory */
};
/* An object with these members; NULL if it or one of them lacks memory, and then all values are freed. */
json_t *json_members(const struct json_member *members);

/* "45s", "3m20s", "5h12m", "12d3h": two units. */
void print_span(uint64_t seconds, char *out, size_t room);
/* "2026-01-31 12:00:00" in local time; "" for 0. */
void print_time(uint64_t when, char *out, size_t room);

#endif
