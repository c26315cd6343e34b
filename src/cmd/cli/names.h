/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that words name: each word is a name, or a shell pattern such as 'web*'. */
#ifndef BERTH_CMD_CLI_NAMES_H
#define BERTH_CMD_CLI_NAMES_H

#include "cmd/cli/command.h"

struct names {
	char **list; /* owned */
	size_t count;
	bool unmatched; /* a pattern or --label matched nothing; reported already */
};

/*
 * Expands the words of a call: replaces each pattern by the names that match, without repeats. Reports a pattern
 * without a match at once. Does not check that a plain name exists. With --label only machines with these labels
 * are left; without words, of all machines, as with COMMAND_ALL. 0, -code or EXIT_USAGE.
 */
int names_given(const struct call *call, struct names *names, struct err *err);
/* Refuses words that are neither patterns nor valid names, before anything is done to the others. 0 or EXIT_USAGE. */
int names_check(const struct call *call, struct err *err);
void names_free(struct names *names);
#define scoped_names __attribute__((cleanup(names_free)))

#endif
