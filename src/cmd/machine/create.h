/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps that launch, create and clone have in common. */
#ifndef BERTH_CMD_MACHINE_CREATE_H
#define BERTH_CMD_MACHINE_CREATE_H

#include "cmd/cli/command.h"
#include "cmd/cli/common.h"
#include "machine/state/machine.h"

/* --start-at without --count is probably a mistake, and so is one address for several machines. 0 or EXIT_USAGE. */
int create_check_count(const struct call *call, struct err *err);
/* Notes the new machine for a command whose output is lost, and prints its name if it was made up. */
void create_tell_name(const struct call *call, bool made_up, const char *name);
/* With --json: prints the new machine. */
int create_show(struct call *call, const char *name, struct err *err);
/* Notes users of the new machine whom this host does not have, or who get the host by it, if the words name some. */
void create_tell_rights(const struct call *call, const char *name, const struct words *words);
/* Deletes a machine that was not set up; a failure is a note. */
void create_undo(struct machine *machine);

#endif
