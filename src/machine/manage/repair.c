/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repairs of pools, as far as they change the snapshots of machines. */
#include "machine/manage/manage.h"
#include "machine/state/content.h"
#include "machine/state/private.h"

#include <string.h>

struct host {
	const struct dirs *dirs;
};

/*
 * Before its blocks change, and on the disk by then: a kill in between only costs an increment. The repair has the pool
 * for itself, so that no other command works with the snapshot.
 */
static int move_content(void *context, const char *volume, uint64_t created, struct err *err)
{
	static const char kind[] = "snapshot.";
	const struct host *host = context;
	scoped_machine struct machine machine = { 0 };
	char name[VOLUME_NAME_MAX + 1];

	if (!text_starts(volume, kind))
		return 0;
	volume += strlen(kind);
	size_t n = strcspn(volume, ".");
	text_print(name, sizeof name, "%.*s", (int)n, volume);
	if (volume[n] == '\0')
		return 0;
	return machine_paths(&machine, host->dirs, name, err) < 0
		       ? -err->code
		       : content_move(machine.folder, volume + n + 1, created, err);
}

int machine_repair_pool(const struct dirs *dirs, const char *pool, struct text *report,
			struct err *err)
{
	struct host host = { dirs };
	const struct pool_mending mending = { .tell = move_content, .context = &host };

	return pool_repair(dirs, pool, &mending, report, err);
}
