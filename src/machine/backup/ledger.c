/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/ledger.h"

#include "base/scoped.h"

#include <inttypes.h>
#include <string.h>

#define WHOLE   "whole"
#define DAMAGED "damaged"

enum { FIELDS = 5 };

/* A line: FILE SIZE CHANGED CHECKED VERDICT */
static bool parse(char *line, char *fields[FIELDS], uint64_t numbers[3])
{
	size_t count = 0;

	for (char *word; (word = strsep(&line, " "));) {
		if (count == FIELDS)
			return false;
		fields[count++] = word;
	}
	for (size_t i = 0; count == FIELDS && i < 3; i++) {
		if (text_to_u64(fields[i + 1], 0, UINT64_MAX, &numbers[i]) < 0)
			return false;
	}
	return count == FIELDS;
}

/* A file that has shrunk or grown since it was whole is damaged; one that was only touched has to be read again. */
static void take_verdict(struct backup *one, const uint64_t numbers[3], const char *verdict)
{
	bool same = one->size == numbers[0] && one->changed == numbers[1];

	if (strcmp(verdict, WHOLE) == 0) {
		one->checked = same ? numbers[2] : 0;
		one->fault = one->size == numbers[0] ? BACKUP_SOUND : BACKUP_DAMAGED;
	} else if (strcmp(verdict, DAMAGED) == 0 && same) {
		one->fault = BACKUP_DAMAGED;
	}
}

void ledger_read(struct backups *backups)
{
	scoped_free char *path = text_format("%s/.checked", backups->folder);
	scoped_free char *bytes = NULL;
	char *fields[FIELDS];
	uint64_t numbers[3];

	if (!path || store_read(backups->store, path, &bytes, &(struct err){ 0 }) < 0)
		return;
	char *rest = bytes;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (!parse(line, fields, numbers))
			continue;
		for (size_t i = 0; i < backups->count; i++) {
			if (strcmp(backups->list[i].file, fields[0]) == 0)
				take_verdict(&backups->list[i], numbers, fields[4]);
		}
	}
}

static void take_known(struct backup *one, const struct backup *known)
{
	if (one->date != known->date || one->size != known->size || one->changed != known->changed)
		return;
	one->checked = known->checked;
	if (known->fault == BACKUP_DAMAGED)
		one->fault = BACKUP_DAMAGED;
}

void ledger_copy(struct backups *backups, const struct backups *from, const struct backup *made)
{
	for (size_t i = 0; i < backups->count; i++) {
		take_known(&backups->list[i], made);
		for (size_t j = 0; j < from->count; j++)
			take_known(&backups->list[i], &from->list[j]);
	}
}

void ledger_write(const struct backups *backups)
{
	scoped_free char *path = text_format("%s/.checked", backups->folder);
	scoped_text struct text text = { 0 };

	for (size_t i = 0; i < backups->count; i++) {
		const struct backup *one = &backups->list[i];
		if (one->checked || one->fault == BACKUP_DAMAGED)
			text_add(&text, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", one->file,
				 one->size, one->changed, one->checked,
				 one->fault == BACKUP_DAMAGED ? DAMAGED : WHOLE);
	}
	if (path && !text.failed)
		store_replace(backups->store, path, text_str(&text), text.length,
			      &(struct err){ 0 });
}

void ledger_keep(const struct backups *backups)
{
	if (store_lock(backups->store, backups->folder, 0, &(struct err){ 0 }) < 0)
		return;
	ledger_write(backups);
	store_unlock(backups->store);
}
