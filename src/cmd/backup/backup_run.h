/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backup of one machine, made in a process of its own, so that this one can clear up after it. */
#ifndef BERTH_CMD_BACKUP_BACKUP_RUN_H
#define BERTH_CMD_BACKUP_BACKUP_RUN_H

#include "cmd/cli/command.h"
#include "machine/backup/backup.h"

/*
 * Makes it and shows what was done: lines, or with json (a file in memory; -1: none) an object a line there. A signal
 * that ends this process ends the backup first, whose snapshot is deleted. 0, -code or an exit code; -EINTR: by a
 * signal, which *signal receives.
 */
int backup_run(struct call *call, struct machine *machine, const struct backup_spec *spec, int json,
	       int *signal, struct err *err);

/* A failure as the result of a verb: -code, or without a sentence if it was told before. */
int backup_failed(const struct machine *machine, const struct backup_spec *spec, struct err *err);

#endif
