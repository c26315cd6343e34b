/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups that are used: restored and let go. */
#include "machine/backup/backup.h"

#include "base/scoped.h"
#include "machine/backup/held.h"
#include "machine/backup/reader.h"
#include "machine/backup/view.h"

enum { CHAIN_MAX = 1000 };

/* The full one first. */
struct chain {
	const struct backups *backups;
	const char *decrypt;
	const struct backup *list[CHAIN_MAX];
	const char *names[CHAIN_MAX]; /* borrowed: of the files */
	size_t count;
	struct backup_reader reader; /* that is being read */
};

static int find_chain(struct chain *chain, const struct backup *one, struct err *err)
{
	const struct backups *backups = chain->backups;
	size_t length = 1;

	/* A backup that was found to be damaged is read all the same: it may have been put in order. */
	if (one->fault == BACKUP_GAP)
		return backups_fault(backups, one, err);
	for (const struct backup *at = one; at->base; at = backups_of(backups, at->base))
		length++;
	if (length > CHAIN_MAX)
		return err_set(err, E2BIG,
			       "backup '%s' of machine '%s' builds on more than %d others",
			       one->file, backups->name, CHAIN_MAX);
	chain->count = length;
	for (const struct backup *at = one; at;
	     at = at->base ? backups_of(backups, at->base) : NULL) {
		chain->names[--length] = at->file;
		chain->list[length] = at;
	}
	return 0;
}

static int open_next(struct chain *chain, size_t i, struct err *err)
{
	backup_reader_close(&chain->reader, err);
	if (err->code)
		return -err->code;
	return backup_reader_open(&chain->reader, chain->backups, chain->list[i], chain->decrypt,
				  err) < 0
		       ? -err->code
		       : chain->reader.fd;
}

static int chain_next(void *context, size_t i, struct err *err)
{
	return open_next(context, i + 1, err);
}

int backup_restore(const struct dirs *dirs, const struct backups *backups, const struct backup *one,
		   const struct import_spec *given, char made[64], struct text *notes,
		   struct err *err)
{
	scoped_free struct chain *chain = calloc(1, sizeof *chain);
	scoped_free char *decrypt = NULL;
	struct import_spec spec = *given;

	if (!chain)
		return err_set(err, ENOMEM, "out of memory");
	if (backup_commands(dirs, NULL, &decrypt, err) < 0)
		return -err->code;
	*chain = (struct chain){ .backups = backups,
				 .decrypt = decrypt,
				 .reader = { .pump = { .fd = -1 }, .filter = { .fd = -1 } } };
	if (find_chain(chain, one, err) < 0)
		return -err->code;
	spec.fd = open_next(chain, 0, err);
	spec.chain_next = chain_next;
	spec.chain_context = chain;
	spec.chain_count = chain->count - 1;
	spec.chain_names = chain->names;
	if (spec.fd >= 0)
		machine_import(dirs, &spec, made, notes, err);
	backup_reader_close(&chain->reader, err);
	return -err->code;
}

int backup_forget(struct machine *machine, const char *target, size_t *count, struct err *err)
{
	char prefix[32];

	held_prefix(target, prefix);
	return held_drop(machine, prefix, "", count, err);
}
