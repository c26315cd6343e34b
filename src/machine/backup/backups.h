/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backups of one machine: TARGET/MACHINE.UUID/DATE.full.berth and DATE.since-DATE.berth, streams of berth-stream(5)
 * with the second as their base; those with volumes for data end in .volumes.berth, and encrypted ones in .enc and have a record beside them (seal.h). The names say what
 * there is, and a file has its name only when it is complete. What is known of damage is in a file beside them
 * (ledger.h).
 */
#ifndef BERTH_MACHINE_BACKUP_BACKUPS_H
#define BERTH_MACHINE_BACKUP_BACKUPS_H

#include "base/err.h"
#include "config/policy.h"
#include "machine/backup/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKUP_VOLUMES ".volumes" /* in the names of files */

enum backup_fault {
	BACKUP_SOUND,      /* as far as is known */
	BACKUP_DAMAGED,    /* its bytes are not those that were written */
	BACKUP_GAP,        /* a backup that it builds on is missing */
	BACKUP_ON_DAMAGED, /* a backup that it builds on is damaged */
};

struct backup {
	char file[64];
	uint64_t date, base; /* base 0: a full one */
	bool sealed;         /* it is encrypted */
	bool volumes;        /* it has volumes for data */
	uint64_t size;       /* bytes of the file */
	uint64_t changed;    /* nanoseconds since the epoch: the ctime of the file */
	uint64_t
		checked; /* seconds since the epoch: when these bytes were read and found whole; 0: not known */
	enum backup_fault fault;
};

/* The backups of a machine, the oldest first. */
struct backups {
	struct store *store; /* borrowed: where they are */
	char *folder;        /* owned: its path there */
	char name[64], uuid[37];
	struct backup *list; /* owned */
	size_t count;
};
void backups_free(struct backups *backups);
#define scoped_backups __attribute__((cleanup(backups_free)))

/* Lists the backups of a machine; without a folder the list is empty. */
int backups_list(struct store *store, const char *name, const char *uuid, struct backups *backups,
		 struct err *err);
/* The same for a name or a uuid that a user gives. -ENOENT, -ENOTUNIQ: several machines have had the name. */
int backups_find(struct store *store, const char *word, struct backups *backups, struct err *err);

/* Decides which backups build on a missing or a damaged one, after what is known of one has changed. */
void backups_judge(struct backups *backups);
/* The one of that date, or NULL. */
const struct backup *backups_of(const struct backups *backups, uint64_t date);
/*
 * The newest. What builds on another is newer than that one, and a date behind now is that of a clock that was wrong:
 * such a backup is older than all others that nothing builds on. whole: only of those that nothing is known against.
 * NULL: none.
 */
const struct backup *backups_newest(const struct backups *backups, uint64_t now, bool whole);
/* The full one at the beginning of its chain; NULL: it is broken. */
const struct backup *backups_full(const struct backups *backups, const struct backup *one);
/* Why one cannot be restored, as a sentence: -EBADMSG or -ENOENT; 0: nothing is known against it. */
int backups_fault(const struct backups *backups, const struct backup *one, struct err *err);

/* Adds one to the list in memory, in its order. 0 or -ENOMEM. */
int backups_add(struct backups *backups, const struct backup *one);

/* Opens the file of a backup for reading; pump_end afterwards. 0 or -code. */
int backups_open(const struct backups *backups, const struct backup *one, struct pump *pump,
		 struct err *err);
/* The contents of the snapshot in a backup, without a key. 0 or -code. */
int backups_content(const struct backups *backups, const struct backup *one,
		    char content[UUID_TEXT], struct err *err);

/*
 * Reads one and checks its sums, and keeps the result in the list; backups_judge afterwards. 0; -EBADMSG: it is
 * damaged; or -code.
 */
int backups_check(struct backups *backups, struct backup *one, struct err *err);

/*
 * Reads one and all that it builds on. all: also what was read in the last week and has not been changed since. 0; 1: a
 * fault was found, and is in the list; or -code.
 */
int backups_check_chain(struct backups *backups, const struct backup *last, bool all,
			struct err *err);

/*
 * Takes the lock of that machine's folder, which is made if it is missing, and removes what a killed command has left.
 * 0; -EBUSY after five seconds; or -code. It is held until store_unlock.
 */
int backups_lock(struct store *store, const char *name, const char *uuid, struct err *err);

/* Removes a backup durably. Under the lock. 0 or -code. */
int backups_remove(const struct backups *backups, const struct backup *one, struct err *err);

#endif
