/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backups of a machine, as far as its host knows them: no folder is looked at, which may be out of reach. */
#ifndef BERTH_MACHINE_BACKUP_VIEW_H
#define BERTH_MACHINE_BACKUP_VIEW_H

#include "machine/backup/trouble.h"
#include "machine/manage/manage.h"

/*
 * The folder that the settings of a machine name (machine NULL: of none), else berth.conf; "": none. The caller frees
 * it.
 */
int backup_target_of(const struct dirs *dirs, const struct machine *machine, char **target,
		     struct err *err);

/*
 * The commands of berth.conf that encrypt and decrypt backups; "": none. Both may be NULL, and are freed by the caller.
 * 0 or -code.
 */
int backup_commands(const struct dirs *dirs, char **encrypt, char **decrypt, struct err *err);

struct backup_view {
	char *target;  /* owned; NULL: none is set */
	uint64_t last; /* seconds since the epoch: of the last one in that folder; 0: not known */
	bool failed;   /* later ones have failed */
	struct trouble trouble; /* if so: how */
};

/* snapshots: of the machine. */
void backup_look(const struct machine *machine, const struct snapshot_entry *snapshots,
		 size_t count, struct backup_view *view);
void backup_view_free(struct backup_view *view);

#endif
