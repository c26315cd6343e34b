/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of backups. A machine has one snapshot for each target (held.h), which the next increment builds on.
 */
#ifndef BERTH_MACHINE_BACKUP_BACKUP_H
#define BERTH_MACHINE_BACKUP_BACKUP_H

#include "machine/backup/backups.h"
#include "machine/manage/travel.h"

enum { BACKUP_WHY = 400 };

struct backup_spec {
	struct store_spec where;
	struct backup *begun; /* receives the one that is being made, or NULL */
	uint64_t
		now; /* seconds since the epoch; 0: the clock, when no other command works on these backups */
	bool full;     /* a full one in any case */
	bool only_due; /* by the key backup.schedule */
	bool dry;      /* only says what would be done */
	bool quiet; /* a running machine is frozen for the moment, as with the key backup.freeze */
	struct stream_press press;
	stream_tick *tick; /* or NULL */
	void *tick_context;
};

struct backup_result {
	struct backup made;   /* date 0: none */
	char why[BACKUP_WHY]; /* the reason of a full one */
	struct text removed;  /* owned: files of backups, a line each */
};

/*
 * Writes a backup, checks what was written, gives it its name durably, and deletes those that the key backup.keep does
 * not keep. With only_due it does nothing if none is due, or if another command works on the backups of the machine.
 * After a failure nothing has changed; only if made is there, the new backup stays, and old ones were not all deleted.
 * 0 or -code.
 */
int backup_make(struct machine *machine, const struct backup_spec *spec,
		struct backup_result *result, struct err *err);

/*
 * Completes the sentence of a failure, and sends its event. Whether it is to be told to the user: with only_due, the
 * first of its kind, and then one a day.
 */
bool backup_tell_failure(const struct machine *machine, const struct backup_spec *spec,
			 struct err *err);

/*
 * Clears away what a process that made a backup has left, after its end. begun: what it was making. Whether that is
 * there, whole and with its name.
 */
bool backup_abandon(struct machine *machine, const struct store_spec *where,
		    const struct backup *begun);

/*
 * Makes a machine of a backup and those that it builds on; the streams of spec are set here. As machine_import; an
 * error names the file.
 */
int backup_restore(const struct dirs *dirs, const struct backups *backups, const struct backup *one,
		   const struct import_spec *spec, char made[64], struct text *notes,
		   struct err *err);

/*
 * Deletes the snapshots of a machine that backups in this target build on, and adds their number to count. 0 or -code.
 */
int backup_forget(struct machine *machine, const char *target, size_t *count, struct err *err);

#endif
