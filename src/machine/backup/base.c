/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backup that the next one builds on. */
#include "base/scoped.h"
#include "machine/backup/making.h"
#include "machine/state/content.h"

#include <string.h>

/* A snapshot of the machine with the contents of a backup. Its name may have been changed since. */
static bool find_snapshot(struct making *making, const struct snapshot_entry *list, size_t count,
			  const struct backup *backup)
{
	char there[UUID_TEXT];
	struct content content;

	if (backups_content(&making->backups, backup, there, &(struct err){ 0 }) < 0)
		return false;
	for (size_t i = count; i > 0; i--) {
		const struct snapshot_entry *one = &list[i - 1];
		if (content_find(making->machine->folder, one->name, one->volume_made, &content,
				 &(struct err){ 0 }) < 0 ||
		    strcmp(there, content.files) != 0)
			continue;
		snprintf(making->since, sizeof making->since, "%s", one->name);
		return true;
	}
	return false;
}

static struct backup *find_base(struct making *making, const struct snapshot_entry *list,
				size_t count)
{
	struct backups *backups = &making->backups;

	for (size_t i = backups->count; i > 0; i--) {
		struct backup *backup = &backups->list[i - 1];
		if (backup->fault == BACKUP_SOUND && find_snapshot(making, list, count, backup))
			return backup;
	}
	*making->since = '\0';
	return NULL;
}

/* Why there is no base. */
static void say_why(const struct making *making, char why[BACKUP_WHY])
{
	const struct backups *backups = &making->backups;
	const struct backup *last = backups->count ? &backups->list[backups->count - 1] : NULL;
	struct err fault = { 0 };

	if (!last)
		snprintf(why, BACKUP_WHY, "the first one here");
	else if (backups_fault(backups, last, &fault) < 0)
		snprintf(why, BACKUP_WHY, "%.*s", BACKUP_WHY - 1, fault.text);
	else
		snprintf(why, BACKUP_WHY, "the machine has no snapshot of '%s' any more",
			 last->file);
}

/* A chain is ended when the next full backup is due. */
static int end_chain(struct making *making, char why[BACKUP_WHY], struct err *err)
{
	const char *period = making->machine->config.backup_full;
	const struct backup *full = backups_full(&making->backups, making->base);
	struct schedule schedule;

	if (config_schedule(period, &schedule, err) < 0)
		return -err->code;
	if (!schedule_is_due(&schedule, making->now, &full->date, 1))
		return 0;
	snprintf(why, BACKUP_WHY, "by backup.full, %.60s", period);
	*making->since = '\0';
	making->base = NULL;
	return 0;
}

int base_choose(struct making *making, char why[BACKUP_WHY], struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;
	int r = 1;

	*why = '\0';
	if (making->spec->full) {
		snprintf(why, BACKUP_WHY, "as asked for");
		return 0;
	}
	if (snapshot_list(making->machine, &list, &count, err) < 0)
		return -err->code;
	while (r > 0 && (making->base = find_base(making, list, count)))
		r = backups_check_chain(&making->backups, making->base, false, err);
	if (r < 0)
		return r;
	if (making->base)
		return end_chain(making, why, err);
	say_why(making, why);
	return 0;
}
