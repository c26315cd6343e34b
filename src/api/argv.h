/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a command line that is put together. */
#ifndef BERTH_API_ARGV_H
#define BERTH_API_ARGV_H

#include <stdbool.h>
#include <stddef.h>

struct argv {
	char **words; /* owned, NULL-terminated, and so is each word */
	size_t count;
	bool failed; /* out of memory: words are missing */
};

/* Adds a word; a failure stays in `failed`. */
void argv_add(struct argv *argv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void argv_free(struct argv *argv);
#define scoped_argv __attribute__((cleanup(argv_free)))

#endif
