/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/argv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void argv_add(struct argv *argv, const char *fmt, ...)
{
	char *word = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&word, fmt, ap);
	va_end(ap);
	char **words = n < 0 ? NULL : realloc(argv->words, (argv->count + 2) * sizeof *words);
	if (!words) {
		if (n >= 0)
			free(word);
		argv->failed = true;
		return;
	}
	words[argv->count++] = word;
	words[argv->count] = NULL;
	argv->words = words;
}

void argv_free(struct argv *argv)
{
	for (size_t i = 0; i < argv->count; i++)
		free(argv->words[i]);
	free(argv->words);
	*argv = (struct argv){ 0 };
}
