/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshots of a machine that the next increments build on, one for each target: "backup-0a1b2c3d-20260131-120000",
 * with a sum of the target's path and the date of the backup.
 */
#ifndef BERTH_MACHINE_BACKUP_HELD_H
#define BERTH_MACHINE_BACKUP_HELD_H

#include "base/text.h"
#include "machine/backup/backups.h"
#include "machine/manage/manage.h"

/* The beginning of the names of those of a target: "backup-0a1b2c3d-". */
void held_prefix(const char *target, char prefix[32]);
/*
 * Whether a snapshot of that name is one of them. prefix: of a target; NULL: of any. date (or NULL): that of its
 * backup.
 */
bool held_is(const char *name, const char *prefix, uint64_t *date);

/* Deletes those of a target, but for the one named kept ("": all); count (or NULL): how many. 0 or -code. */
int held_drop(struct machine *machine, const char *prefix, const char *kept, size_t *count,
	      struct err *err);

/*
 * Deletes those whose backup is not there: an interrupted command has left them. Under the lock of the backups. date:
 * receives that of one of them; 0: there was none. 0 or -code.
 */
int held_clear(struct machine *machine, const char *prefix, const struct backups *backups,
	       uint64_t *date, struct err *err);

#endif
