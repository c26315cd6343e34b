/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots of volumes for data. The pool's list of volumes is the only record, so none can be lost. */
#include "machine/data/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct collection {
	struct volume_info *list; /* owned */
	size_t count, skip;
};

static int collect(void *context, const struct volume_info *info)
{
	struct collection *all = context;
	struct volume_info *list = realloc(all->list, (all->count + 1) * sizeof *list);

	if (!list)
		return -ENOMEM;
	all->list = list;
	list[all->count] = *info;
	text_print(list[all->count++].name, sizeof info->name, "%s", info->name + all->skip);
	return 0;
}

/* The oldest first. */
static int by_time(const void *a, const void *b)
{
	const struct volume_info *one = a, *other = b;

	if (one->created != other->created)
		return one->created < other->created ? -1 : 1;
	return strcmp(one->name, other->name);
}

int data_snapshots(struct pool *pool, const char *name, struct volume_info **list, size_t *count,
		   struct err *err)
{
	struct collection all = { 0 };
	char prefix[VOLUME_NAME_MAX + 1];

	data_snapshot_volume(name, "", prefix);
	all.skip = strlen(prefix);
	int r = volume_list(pool, prefix, collect, &all, err);
	if (r < 0) {
		free(all.list);
		return err->code ? r : err_set(err, -r, "out of memory");
	}
	if (all.count > 0)
		qsort(all.list, all.count, sizeof *all.list, by_time);
	*list = all.list;
	*count = all.count;
	return 0;
}
