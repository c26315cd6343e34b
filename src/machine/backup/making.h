/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A backup under way, for the files that make one. */
#ifndef BERTH_MACHINE_BACKUP_MAKING_H
#define BERTH_MACHINE_BACKUP_MAKING_H

#include "machine/backup/backup.h"

struct making {
	struct machine *machine;        /* borrowed */
	const struct backup_spec *spec; /* borrowed */
	struct store *store;            /* borrowed: the target */
	const char *encrypt;            /* borrowed: the command; "": none */
	uint64_t now;                   /* seconds since the epoch */
	struct backups backups;         /* owned: before this one */
	char prefix[32];                /* of the snapshots for this target */
	char snapshot[64];              /* the new one; "": not taken yet */
	char since[64];                 /* the snapshot that it builds on; "": it is a full one */
	const struct backup *base;      /* that of since */
};

/*
 * Chooses the backup that the next one builds on: the newest that is whole with all below it, and whose contents the
 * machine still has in a snapshot. Without one, or if the next full one is due, base stays NULL, and why says the
 * reason. What of the chain was not read for a week, or has been changed since, is read first. 0 or -code.
 */
int base_choose(struct making *making, char why[BACKUP_WHY], struct err *err);

#endif
