/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder with backups, here or on another host: TARGET/MACHINE.UUID has those of one machine (backups.h). The folder
 * has a mark with an id, which the host remembers.
 */
#ifndef BERTH_MACHINE_BACKUP_TARGET_H
#define BERTH_MACHINE_BACKUP_TARGET_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/backup/store.h"

#include <stdbool.h>

/*
 * Whether a text can name a folder for backups: one of another host, or an absolute path, which is not a folder of
 * berth itself. 0 or -code.
 */
int target_check(const struct dirs *dirs, const char *target, struct err *err);

/*
 * Whether the folder can take backups of this host. It gets a mark with an id at its first use, which this host
 * remembers: an empty mount point is not the folder that had been used before. look: nothing is written. 1: it is the
 * first use; 0; or -code.
 */
int target_claim(const struct dirs *dirs, struct store *store, bool look, struct err *err);
/* After a first use that has failed: the id is forgotten, unless there are backups of another command. Quiet. */
void target_unclaim(const struct dirs *dirs, struct store *store);
/* Whether there are backups in the folder at all, or have been. -ENODEV: it is another folder, or not mounted. */
int target_look(struct store *store, struct err *err);
/* Forgets the id, so that another folder of that path can be claimed. 1: this host knew it; 0; or -code. */
int target_forget(const struct dirs *dirs, const char *target, struct err *err);
/* The folders that this host has used and not forgotten, a line each. */
int target_known(const struct dirs *dirs, struct text *out, struct err *err);

/* Calls visit with each machine that has a folder there, sorted; stops at nonzero, and returns it. */
int target_machines(struct store *store, int (*visit)(void *, const char *name, const char *uuid),
		    void *context, struct err *err);

/* Adds the remedy to the error of a folder that is full or cannot be written to. Returns -code. */
int target_remedy(const char *target, struct err *err);

#endif
