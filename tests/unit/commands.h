/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of all tables of commands, and their names, for the tests that look at each. */
#ifndef BERTH_TESTS_COMMANDS_H
#define BERTH_TESTS_COMMANDS_H

#include "cmd/cli/command.h"

/* Calls visit for each command, a group's members after the group. */
void for_all(void (*visit)(const struct command *));

/* Calls visit for the command's name and each alias. */
void for_names(const struct command *command,
	       void (*visit)(const struct command *, const char *name));

#endif
