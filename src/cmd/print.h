/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output for people and programs: sentences on standard error, tables and JSON on standard output. */
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
/* Makes each later sentence a line of JSON: "error" and "code" (the name of an errno), or "note". */
void print_sentences_as_json(void);
void print_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Each line is a note. Its bytes are changed. */
void print_notes(struct text *lines);
/* Adds text to a buffer, with the replacements of print_error. */
void print_plain(const char *text, struct text *out);

/* The width of the terminal that is standard output; 0: it is not a terminal, and nothing has to fit. */
unsigned print_width(void);
/*
 * Adds a word and its meaning, as "%-*s %s"; a text that does not fit into the width is broken at blanks and continues
 * in its column, or in lines of its own.
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
 * Adds a row for an object with a missing part: its name, "broken" in that column, and the fault on standard error.
 * With an array: adds an object to it instead.
 */
void table_add_broken(struct table *table, json_t *array, size_t column, const char *name,
		      const char *missing, const struct err *fault);
/* Adds the table as text. Columns that do not fit into the width go to further, indented lines; 0: no limit. */
void table_text(struct table *table, unsigned width, struct text *out);
/* Prints it on standard output, and frees it. 0 or -ENOMEM. */
int table_print(struct table *table, struct err *err);

/* Prints a value on standard output and releases it; NULL: it could not be made for lack of memory. */
int print_json(json_t *value, struct err *err);
/* A string; null for NULL and "". Bytes that are not UTF-8 become '?'. */
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
