/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of backups. */
#ifndef BERTH_CMD_BACKUP_BACKUP_H
#define BERTH_CMD_BACKUP_BACKUP_H

#include "cmd/cli/command.h"
#include "machine/backup/backups.h"
#include "machine/state/machine.h"

extern const struct flag flag_target;

/* The folders that this host has used, in one line. 0 or -code. */
int backup_folders_known(const struct dirs *dirs, struct text *out, struct err *err);

/* A path without slashes at its end; the caller frees it. NULL: out of memory. */
char *backup_target_plain(const char *path);

/*
 * The folder that the command names, else that of the machine's settings (machine NULL: of none), else of berth.conf.
 * *target: the caller frees it. 0 or -code.
 */
int backup_target_wanted(const struct call *call, const struct machine *machine, char **target,
			 struct err *err);
/* The place with that target, as the options of the command say how to reach it. */
struct store_spec backup_where(const struct call *call, const char *target, const char *what);

/* A note if a machine has a schedule of backups and no folder for them. */
void backup_remark(const struct machine *machine);
/* The same for one that was just made. */
void backup_remark_made(const struct dirs *dirs, const char *name);

/*
 * The machine that a user names, NAME or NAME@DATE. If it is here, its backups are where its settings say, and have its
 * uuid, also if it had another name then.
 */
struct sought {
	struct machine machine; /* owned; empty: it is not here, or no word is given */
	const char *uuid;       /* of the machine, or NULL */
	char *target;           /* owned */
	struct store store;     /* owned: where they are */
};
/* By the first word of the call; opens the place of the backups. 0 or -code; sought_free after both. */
/* The machine of the first word, NAME or UUID, with @DATE or without. 0 or EXIT_USAGE. */
int sought_check(const struct call *call, struct err *err);
int sought_find(struct sought *sought, const struct call *call, struct err *err);
void sought_free(struct sought *sought);
#define scoped_sought __attribute__((cleanup(sought_free)))
typedef int sought_act(void *context, struct sought *sought, struct err *err);
/*
 * Calls act for the place that the words and options of the call name; without any, for each place that berth.conf and
 * the machines of this host name; for a machine that is not here, for each place that this host has used. Of several
 * places, a fault of one is reported, and the others are done. 0, -code or EXIT_FAILED.
 */
int sought_each(const struct call *call, sought_act *act, void *context, struct err *err);

/* Finds the machine's backups, and that of the date. one: NULL without a date. 0 or -code. */
int sought_backups(struct sought *sought, const char *word, struct backups *backups,
		   const struct backup **one, struct err *err);

/* "full", "increment"; "damaged", or "broken" if one that it builds on is damaged or gone. */
const char *backup_kind(const struct backup *one);

extern const struct command backup_list_verb, backup_restore_verb, backup_serve_verb,
	backup_verify_verb;

#endif
