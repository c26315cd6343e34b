/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that words name: each a name, or a pattern of the shell's kind such as 'web*'. */
#ifndef BERTH_CMD_NAMES_H
#define BERTH_CMD_NAMES_H

#include "cmd/command.h"

struct names {
	char **list; /* owned */
	size_t count;
	bool unmatched; /* a pattern matched nothing, which has been said */
};

/*
 * The words of a call, each pattern replaced by what it matches, none twice. A pattern
 * that matches nothing is said at once and noted; whether there is a machine of a plain name is not looked at.
 */
int names_given(const struct call *call, struct names *names, struct err *err);
void names_free(struct names *names);
#define scoped_names __attribute__((cleanup(names_free)))

/* Whether a name is one of those: fnmatch(3). */
bool name_matches(const char *word, const char *name);

#endif
