/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output for people and programs: sentences on standard error, tables and JSON on standard output. */
#ifndef BERTH_CMD_CLI_PRINT_H
#define BERTH_CMD_CLI_PRINT_H

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
/* Adds the line that print_note prints. */
void print_note_line(const char *sentence, struct text *out);
/* Prints each line as a note. Changes the bytes of the text. */
void print_notes(struct text *lines);
/* Adds text to a buffer, with the replacements of print_error. */
void print_plain(const char *text, struct text *out);

/*
 * Prints a line "label: value" with the value in that column, or none if the value is empty; plain as in print_plain.
 */
void print_field(int column, const char *label, const char *value);

/* The number of columns that a text takes on a terminal: characters, not bytes. */
size_t print_width_of(const char *text);
void print_blanks(struct text *out, size_t count);
/* The width of the terminal that is standard output; 0: standard output is not a terminal, and has no width. */
unsigned print_width(void);
/*
 * Adds a word and its meaning, as "%-*s %s"; a text that does not fit into the width is broken at blanks and continues
 * in its column, or in lines of its own.
 */
void print_meaning(const char *word, unsigned column, const char *text, unsigned width,
		   struct text *out);

/* Prints a value on standard output and releases it. NULL is the result of a lack of memory, and gives that error. */
int print_json(json_t *value, struct err *err);
/* A string; null for NULL and "". Bytes that are not UTF-8 become '?'. */
json_t *json_text(const char *text);
/* An integer, null for 0. */
json_t *json_count(uint64_t number);
json_t *json_address(bool known, struct in_addr address);
json_t *json_address6(bool known, const struct in6_addr *address);

/* A member of an object; a list of them ends with { 0 }. */
struct json_member {
	const char *name;
	json_t *value; /* json_members takes it over; NULL: out of memory */
};
/* Makes an object with these members. NULL if memory runs out, for it or for one of them; then all values are freed. */
json_t *json_members(const struct json_member *members);

/* Writes a span in two units: "45s", "3m20s", "5h12m", "12d3h". */
void print_span(uint64_t seconds, char *out, size_t room);
/* Writes a time as "2026-01-31 12:00:00" in local time; "" for 0. */
void print_time(uint64_t when, char *out, size_t room);

#endif
