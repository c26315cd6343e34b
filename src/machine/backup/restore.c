/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups that are used: restored and let go. */
#include "machine/backup/backup.h"

#include "base/scoped.h"
#include "machine/backup/held.h"
#include "machine/backup/target.h"

enum { CHAIN_MAX = 1000 };

/* The full one first. */
struct chain {
	int fds[CHAIN_MAX];           /* owned */
	const char *names[CHAIN_MAX]; /* borrowed: of the files */
	size_t count;
};

static int open_chain(struct chain *chain, const struct backups *backups, const struct backup *one,
		      struct err *err)
{
	size_t length = 1;

	/* One that was found to be damaged is read all the same: it may have been put in order. */
	if (one->fault == BACKUP_GAP)
		return backups_fault(backups, one, err);
	for (const struct backup *at = one; at->base; at = backups_of(backups, at->base))
		length++;
	if (length > CHAIN_MAX)
		return err_set(err, E2BIG,
			       "backup '%s' of machine '%s' builds on more than %d others",
			       one->file, backups->name, CHAIN_MAX);
	for (size_t i = 0; i < CHAIN_MAX; i++)
		chain->fds[i] = -1;
	chain->count = length;
	for (const struct backup *at = one; at;
	     at = at->base ? backups_of(backups, at->base) : NULL) {
		chain->names[--length] = at->file;
		chain->fds[length] = backups_open(backups, at, err);
		if (chain->fds[length] < 0)
			return -err->code;
	}
	return 0;
}

int backup_restore(const struct dirs *dirs, const struct backups *backups, const struct backup *one,
		   const struct import_spec *given, char made[64], struct text *notes,
		   struct err *err)
{
	struct chain chain = { .count = 0 };
	struct import_spec spec = *given;

	int r = open_chain(&chain, backups, one, err);
	if (r == 0) {
		spec.fd = chain.fds[0];
		spec.chain = chain.fds + 1;
		spec.chain_count = chain.count - 1;
		spec.chain_names = chain.names;
		r = machine_import(dirs, &spec, made, notes, err);
	}
	for (size_t i = 0; i < chain.count; i++)
		scoped_close_fd(&chain.fds[i]);
	return r;
}

int backup_forget(struct machine *machine, const char *target, size_t *count, struct err *err)
{
	char prefix[32];

	held_prefix(target, prefix);
	return held_drop(machine, prefix, "", count, err);
}
