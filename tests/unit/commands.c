/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commands.h"

#include "base/scoped.h"
#include "cmd/cli/verbs.h"

#include <string.h>

void for_all(void (*visit)(const struct command *))
{
	for (const struct family *family = families; family->commands; family++) {
		for (const struct command *const *c = family->commands; *c; c++) {
			visit(*c);
			for (const struct command *const *m = (*c)->members; m && *m; m++)
				visit(*m);
		}
	}
}

void for_names(const struct command *command,
	       void (*visit)(const struct command *, const char *name))
{
	scoped_free char *aliases = strdup(command->aliases ? command->aliases : "");
	char *rest = aliases;

	visit(command, command->name);
	for (char *name; (name = strsep(&rest, " "));) {
		if (*name)
			visit(command, name);
	}
}
