/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of machines' and templates' settings in their pools. */
#ifndef BERTH_MACHINE_MANAGE_SETTINGS_BACKUP_H
#define BERTH_MACHINE_MANAGE_SETTINGS_BACKUP_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>

/*
 * Brings the copy in an attached pool up to date; 1: it is not attached. The record of a machine that
 * has a volume there, but no settings here, stays in the copy.
 */
int settings_backup_write(const struct dirs *dirs, const char *pool, struct err *err);

/* The same for all pools, a second later; returns at once if another process is going to do it. */
int settings_backup_write_all(const struct dirs *dirs, struct err *err);

/* Whether a process waits to do that, which will see all that has changed until now. */
bool settings_backup_awaited(const struct dirs *dirs);

/* Whether the last copy could not be written, and why, in words that name the pool. It is told until one is written. */
bool settings_backup_fault(const struct dirs *dirs, const char *pool, struct err *fault);
/* Called after the pool was deleted. */
void settings_backup_forget(const struct dirs *dirs, const char *pool);

/*
 * Makes the machines and templates of such a copy known here, if their volumes are in that pool. Machines and templates
 * of the same name that exist here stay as they are. report: a line for each that could not be taken.
 */
int settings_backup_restore(const struct dirs *dirs, const char *pool, const struct text *kept,
			    struct text *report, struct err *err);

#endif
