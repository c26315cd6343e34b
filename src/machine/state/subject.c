/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and snapshots of what streams take. The pool's list of volumes is the only record, so none can be lost. */
#include "machine/state/subject.h"

#include "machine/state/content.h"
#include "machine/state/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subject subject_machine(const struct machine *machine)
{
	return (struct subject){ .dirs = machine->dirs,
				 .machine = machine,
				 .name = machine->name,
				 .uuid = machine->config.uuid,
				 .folder = machine->folder };
}

const char *subject_word(const struct subject *subject)
{
	return subject->machine ? "machine" : "volume";
}

void subject_listing(const struct subject *subject, char out[SUBJECT_LISTING])
{
	snprintf(out, SUBJECT_LISTING, "%s %.63s",
		 subject->machine ? "snapshot list" : "volume info", subject->name);
}

void subject_volume(const struct subject *subject, const char *snapshot,
		    char volume[VOLUME_NAME_MAX + 1])
{
	const bool root = !snapshot || !*snapshot;

	if (subject->machine && root)
		machine_volume(subject->name, volume);
	else if (subject->machine)
		snapshot_volume(subject->name, snapshot, volume);
	else if (root)
		data_volume(subject->name, volume);
	else
		data_snapshot_volume(subject->name, snapshot, volume);
}

void subject_prefix(const struct subject *subject, char prefix[VOLUME_NAME_MAX + 1])
{
	if (subject->machine)
		snapshot_volume(subject->name, "", prefix);
	else
		data_snapshot_volume(subject->name, "", prefix);
}

struct collection {
	struct snapshot_entry *list; /* owned */
	size_t count, skip;
};

static int collect(void *context, const struct volume_info *info)
{
	struct collection *all = context;
	struct snapshot_entry *list = realloc(all->list, (all->count + 1) * sizeof *list);

	if (!list)
		return -ENOMEM;
	all->list = list;
	struct snapshot_entry *one = &list[all->count++];
	text_print(one->name, sizeof one->name, "%s", info->name + all->skip);
	one->volume_made = one->created = info->created;
	return 0;
}

/* A snapshot that came from another host is as old as it was there. */
static void find_time(const struct subject *subject, struct snapshot_entry *one)
{
	struct content content;

	if (content_find(subject->folder, one->name, one->volume_made, &content,
			 &(struct err){ 0 }) == 0 &&
	    content.taken)
		one->created = content.taken;
}

static int by_time(const void *a, const void *b)
{
	const struct snapshot_entry *one = a, *other = b;

	if (one->created != other->created)
		return one->created < other->created ? -1 : 1;
	return strcmp(one->name, other->name);
}

int subject_snapshots(const struct subject *subject, struct pool *pool,
		      struct snapshot_entry **list, size_t *count, struct err *err)
{
	char prefix[VOLUME_NAME_MAX + 1];
	struct collection all = { 0 };

	subject_prefix(subject, prefix);
	all.skip = strlen(prefix);
	int r = volume_list(pool, prefix, collect, &all, err);
	if (r < 0) {
		free(all.list);
		return err->code ? r : err_set(err, -r, "out of memory");
	}
	for (size_t i = 0; i < all.count; i++)
		find_time(subject, &all.list[i]);
	if (all.count > 0)
		qsort(all.list, all.count, sizeof *all.list, by_time);
	*list = all.list;
	*count = all.count;
	return 0;
}

const struct snapshot_entry *snapshot_find(const struct snapshot_entry *list, size_t count,
					   const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	}
	return NULL;
}
