/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text: a growing buffer, numbers and sizes, names, the nearest word. No I/O. */
#ifndef BERTH_BASE_TEXT_H
#define BERTH_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. Zeroed is an empty one; data is NUL-terminated after the first add. */
struct text {
	char *data; /* owned */
	size_t length;
	size_t room;
	bool failed; /* out of memory: later adds are missing */
};

void text_free(struct text *text);
#define scoped_text __attribute__((cleanup(text_free)))

/* Both return 0 or -ENOMEM, which also stays in text->failed, so that a run of adds needs one check. */
int text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int text_add_bytes(struct text *text, const void *bytes, size_t n);

/* Adds a word for a shell, in single quotes, whatever is in it. */
int text_add_quoted(struct text *text, const char *word);

/* Adds bytes as a part of an address has them (RFC 3986): %XX for each that is no letter, digit, -._~ or slash. */
int text_add_percent(struct text *text, const char *bytes);

/* The string, never NULL; borrowed until the next add. */
const char *text_str(const struct text *text);

/* asprintf that returns the string or NULL. The caller owns it. */
char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Like snprintf into a fixed array, but 0 or -ENAMETOOLONG when it would be cut. */
int text_print(char *out, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Parses permission bits, octal digits up to 7777: 0 or -EINVAL. */
int text_to_mode(const char *text, int *mode);

/* Sets *field to value and frees its old text. NULL: -ENOMEM, and nothing changes; else 0. */
int text_take(char **field, char *value);

/* Cuts leading and trailing white space in place and returns the first other character. */
char *text_trim(char *s);

bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

/* Whether a path is a folder, or below it, by their text; "/" has all. */
bool text_is_within(const char *path, const char *folder);

/* Splits a command at blanks into at most so many words, without quotes. Cuts the text to pieces. Their number. */
size_t text_split_words(char *text, const char **words, size_t most);

/* Parses the whole string as a decimal number in [min, max]: 0, -EINVAL or -ERANGE; a failure leaves out untouched. */
int text_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/*
 * Parses a time with an optional unit s, m, h or d, as "90s" or "5m", in [min, max] seconds. 0, -EINVAL or -ERANGE; a
 * failure leaves out untouched.
 */
int text_to_seconds(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* Prints seconds in the largest unit that divides them: "5m", "90s", "0s". */
void text_from_seconds(uint64_t seconds, char *out, size_t room);

/* Parses bytes with an optional suffix K, M, G, T (powers of 1024; KiB and KB mean the same). 0, -EINVAL or -ERANGE. */
int text_to_size(const char *s, uint64_t *out);

/* Prints bytes in the shortest exact form that text_to_size reads back: "512", "1.5K", "20G". */
void text_from_size(uint64_t bytes, char *out, size_t room);

/* Prints bytes for people, rounded to three digits: "1.4 GiB". */
void text_human_size(uint64_t bytes, char *out, size_t room);

/*
 * A DNS label as RFC 1123 section 2.1 allows it, in lower case: 1 to 63 of a-z, 0-9 and '-', no '-'
 * at either end. Names of machines, templates, pools, networks and snapshots are these.
 * Returns NULL for a good name, else what is wrong with it as the end of "name 'X' ...".
 */
const char *text_label_fault(const char *name);

/* The word of the list (NULL-terminated) with the least edit distance, or NULL if none is near. */
const char *text_nearest(const char *word, const char *const *words);

/* FNV-1a, 64 bits: maps names to ids and addresses; not for secrets. */
uint64_t text_hash(const char *s);

#endif
