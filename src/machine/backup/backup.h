/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of backups. A machine has one snapshot for each target, which the next increment builds on; its name,
 * "backup-0a1b2c3d-20260131-120000", tells the target by a sum and the time.
 */
#ifndef BERTH_MACHINE_BACKUP_BACKUP_H
#define BERTH_MACHINE_BACKUP_BACKUP_H

#include "machine/backup/target.h"
#include "machine/manage/travel.h"

struct backup_spec {
	const char *target; /* the path of a folder */
	uint64_t now;       /* seconds since the epoch */
	bool full;          /* a full one in any case */
	enum stream_codec codec;
	stream_tick *tick; /* or NULL */
	void *tick_context;
};

/*
 * Writes a backup, checks what was written, gives it its name durably, and deletes those that the key backup.keep does
 * not keep. made: receives it. After a failure nothing has changed, but for backups that were deleted. 0 or -code.
 */
int backup_make(struct machine *machine, const struct backup_spec *spec, struct backup *made,
		struct err *err);

/* Whether one is due by the key backup.schedule: 1, 0 or -code. */
int backup_is_due(struct machine *machine, const char *target, uint64_t now, struct err *err);

/* Checks all sums of a backup. 0 or -code. */
int backup_verify(const struct backups *backups, const struct backup *one, struct err *err);

/* Makes a machine of a backup and those that it builds on; the streams of spec are set here. As machine_import. */
int backup_restore(const struct dirs *dirs, const struct backups *backups, const struct backup *one,
		   const struct import_spec *spec, char made[64], struct text *notes,
		   struct err *err);

/* Deletes the snapshots of a machine that backups in this target build on. 0 or -code. */
int backup_forget(struct machine *machine, const char *target, struct err *err);

#endif
