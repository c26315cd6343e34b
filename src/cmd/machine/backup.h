/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of backups. */
#ifndef BERTH_CMD_MACHINE_BACKUP_H
#define BERTH_CMD_MACHINE_BACKUP_H

#include "cmd/cli/command.h"
#include "machine/state/machine.h"

extern const struct flag flag_target;

/* Whether a path can be that of a folder for backups. 0 or -code. */
int backup_target_check(const char *path, struct err *err);

/*
 * The folder that the command names, else that of the machine's settings (machine NULL: of none), else of berth.conf.
 * *target: the caller frees it. 0 or -code.
 */
int backup_target_wanted(const struct call *call, const struct machine *machine, char **target,
			 struct err *err);

extern const struct command backup_list_verb, backup_restore_verb, backup_verify_verb;

#endif
