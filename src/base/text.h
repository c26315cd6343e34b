/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text: a growing buffer, numbers and sizes, names, the nearest word. No I/O. */
#ifndef BERTH_BASE_TEXT_H
#define BERTH_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. Zeroed is empty; text is NUL-terminated once anything was added. */
struct text {
	char *data; /* owned */
	size_t length;
	size_t room;
	bool failed; /* out of memory: what was added since is missing */
};

void text_free(struct text *text);
#define scoped_text __attribute__((cleanup(text_free)))

/* Both return 0 or -ENOMEM, which also stays in text->failed, so that a run of adds needs one check. */
int text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int text_add_bytes(struct text *text, const void *bytes, size_t n);

/* The string, never NULL; borrowed until the next add. */
const char *text_str(const struct text *text);

/* asprintf that returns the string or NULL. The caller owns it. */
char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Like snprintf into a fixed array, but 0 or -ENAMETOOLONG when it would be cut. */
int text_print(char *out, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* value becomes the text of *field, whose old one is freed. 0, or -ENOMEM for NULL, and nothing is changed. */
int text_take(char **field, char *value);

/* Cuts leading and trailing white space in place and returns the first other character. */
char *text_trim(char *s);

bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

/* Whole string as a decimal number in [min, max]: 0, -EINVAL or -ERANGE; out untouched on failure. */
int text_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/*
 * Seconds, with an optional unit behind: s, m, h or d, as in "90s" or "5m". Must lie in [min, max]
 * seconds. 0, -EINVAL or -ERANGE; out untouched on failure.
 */
int text_to_seconds(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* In the largest unit that has no rest: "5m", "90s", "0s". */
void text_from_seconds(uint64_t seconds, char *out, size_t room);

/*
 * Bytes with an optional suffix K, M, G, T (powers of 1024; KiB and KB mean the same), as users
 * write sizes: 0, -EINVAL or -ERANGE.
 */
int text_to_size(const char *s, uint64_t *out);

/* "512", "1.5K", "20G": the shortest exact form text_to_size reads back. */
void text_from_size(uint64_t bytes, char *out, size_t room);

/* "1.4 GiB" for people: three digits, rounded. */
void text_human_size(uint64_t bytes, char *out, size_t room);

/*
 * A DNS label as RFC 1123 section 2.1 allows it, in lower case: 1 to 63 of a-z, 0-9 and '-', no '-'
 * at either end. Names of machines, templates, pools, networks and snapshots are these.
 * Returns NULL for a good name, else what is wrong with it as the end of "name 'X' ...".
 */
const char *text_label_fault(const char *name);

/* The word of words (NULL-terminated) with the least edit distance, or NULL if none is near. */
const char *text_nearest(const char *word, const char *const *words);

/* FNV-1a, 64 bits: spreads names over ids and addresses; not for secrets. */
uint64_t text_hash(const char *s);

#endif
