/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thin pools that the machine writes to: the one of its root, which the plan names, and those of its volumes for
 * data, which are noted in the run folder.
 */
#include "keeper/keeper.h"

#include "base/scoped.h"
#include "base/text.h"
#include "keeper/volume_note.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct watched_pool *find(struct watched_pool *list, const char *name)
{
	while (list && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

static void free_list(struct watched_pool *list)
{
	while (list) {
		struct watched_pool *next = list->next;
		free(list);
		list = next;
	}
}

/* Adds a pool that is not in the list yet, with the figures that the list before has of it. */
static void add(struct keeper *keeper, struct watched_pool *before, const struct volume_note *note)
{
	if (!*note->device || note->readonly || find(keeper->pools, note->pool))
		return;
	struct watched_pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return;
	const struct watched_pool *known = find(before, note->pool);
	if (known)
		*pool = *known;
	text_print(pool->name, sizeof pool->name, "%s", note->pool);
	text_print(pool->device, sizeof pool->device, "%s", note->device);
	text_print(pool->file, sizeof pool->file, "%s", note->file);
	pool->next = keeper->pools;
	keeper->pools = pool;
}

static void add_root(struct keeper *keeper, struct watched_pool *before)
{
	const struct keeper_plan *plan = &keeper->plan;
	struct volume_note note = { .readonly = false };

	text_print(note.pool, sizeof note.pool, "%s", plan->pool);
	text_print(note.device, sizeof note.device, "%s", plan->thin_pool);
	text_print(note.file, sizeof note.file, "%s", plan->pool_file);
	add(keeper, before, &note);
}

static void add_volumes(struct keeper *keeper, struct watched_pool *before)
{
	int fd = openat(keeper->run, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct volume_note note;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (!text_label_fault(e->d_name) &&
		    volume_note_read(dirfd(dir), e->d_name, &note) == 0)
			add(keeper, before, &note);
	}
}

void pools_read(struct keeper *keeper)
{
	struct watched_pool *before = keeper->pools;

	keeper->pools = NULL;
	add_root(keeper, before);
	add_volumes(keeper, before);
	free_list(before);
}
