/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder with backups: TARGET/MACHINE.UUID/DATE.full.berth and DATE.since-DATE.berth, streams of berth-stream(5) with the
 * second as their base. The names say all that a list needs, and a file has its name only when it is complete, so that
 * there is no other record.
 */
#ifndef BERTH_MACHINE_BACKUP_TARGET_H
#define BERTH_MACHINE_BACKUP_TARGET_H

#include "base/dirs.h"
#include "base/err.h"
#include "config/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backup {
	char file[64];
	uint64_t date, base; /* base 0: a full one */
	uint64_t size;       /* bytes of the file */
	bool broken;         /* a file that it builds on is missing */
};

/* The backups of a machine, the oldest first. */
struct backups {
	char *folder; /* owned: its path */
	char name[64], uuid[37];
	struct backup *list; /* owned */
	size_t count;
};
void backups_free(struct backups *backups);
#define scoped_backups __attribute__((cleanup(backups_free)))

/*
 * Whether the folder can take backups of this host. It gets a mark with an id at its first use, which this host remembers: an
 * empty mount point is not the folder that had been used before. 0 or -code.
 */
int target_claim(const struct dirs *dirs, const char *target, struct err *err);
/* Forgets the id, so that another folder of that path can be claimed. */
int target_forget(const struct dirs *dirs, const char *target, struct err *err);
/* The beginning of the names of snapshots that backups in this target build on: "backup-0a1b2c3d-". */
void target_prefix(const char *target, char prefix[32]);

/* Calls visit with each machine that has a folder there, sorted; stops at nonzero, and returns it. */
int target_machines(const char *target, int (*visit)(void *, const char *name, const char *uuid),
		    void *context, struct err *err);

/* Lists the backups of a machine; without a folder the list is empty. */
int backups_list(const char *target, const char *name, const char *uuid, struct backups *backups,
		 struct err *err);
/* The same for a name or a uuid that a user gives. -ENOENT, -ENOTUNIQ: several machines have had the name. */
int backups_find(const char *target, const char *word, struct backups *backups, struct err *err);

/* The one of that date, or NULL. */
const struct backup *backups_of(const struct backups *backups, uint64_t date);
/* The full one at the beginning of its chain; NULL: it is broken. */
const struct backup *backups_full(const struct backups *backups, const struct backup *one);

/* Opens a backup for reading. A descriptor or -code. */
int backups_open(const struct backups *backups, const struct backup *one, struct err *err);

/*
 * Takes the lock of that machine's folder, which is made if it is missing, and removes what a killed command has left. A
 * descriptor, or -code.
 */
int backups_lock(const char *target, const char *name, const char *uuid, struct err *err);

/*
 * Deletes the backups that a policy does not keep, and that no kept one builds on. Under the lock.
 */
int backups_prune(struct backups *backups, const struct keep *keep, uint64_t now, struct err *err);

#endif
