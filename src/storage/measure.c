/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Usage of each volume of a pool, counted on request. */
#include "base/clock.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/extents.h"

#include <errno.h>
#include <string.h>

enum { MINUTES = 10 };

static int count_failed(int r, const char *volume, struct err *err)
{
	if (r == -ETIME)
		return err_set(err, ETIME,
			       "count what volume '%s' takes: it takes longer than %d minutes",
			       volume, MINUTES);
	return err_set(err, -r, "count what volume '%s' takes: %s", volume,
		       r == -ELOOP ? "its folders are nested deeper than 400 levels"
				   : strerror(-r));
}

/* Bytes from the driver's own catalogue, or counted. -ENOENT: the volume is gone. */
static int measure_one(struct pool *pool, const char *volume, struct extents *extents,
		       uint64_t *used, struct err *err)
{
	struct volume_info info;

	extents_begin(extents);
	if (!pool->ops->measure) {
		int r = pool->ops->info(pool, volume, &info, err);
		*used = info.used;
		return r;
	}
	int r = pool->ops->measure(pool, volume, extents);
	*used = extents->used;
	return r < 0 && r != -ENOENT ? count_failed(r, volume, err) : r;
}

int volume_measure(struct pool *pool, const char *volume, uint64_t *used, struct err *err)
{
	scoped_extents struct extents extents = { .deadline = clock_ms() + MINUTES * 60000 };
	int r = measure_one(pool, volume, &extents, used, err);

	if (r == -ENOENT && !err->code)
		return err_set(err, ENOENT, "there is no volume '%s' in pool '%s'", volume,
			       pool->name);
	return r < 0 ? err_wrap(err, "pool '%s'", pool->name) : 0;
}

struct measuring {
	struct pool *pool;
	struct text names; /* each with its NUL */
	size_t count;
	struct volume_usage *list; /* owned; their names are in names */
};

static void forget(struct measuring *all)
{
	text_free(&all->names);
	free(all->list);
}

static int note_name(void *context, const struct volume_info *info)
{
	struct measuring *all = context;

	all->count++;
	return text_add_bytes(&all->names, info->name, strlen(info->name) + 1);
}

static int measure_all(struct measuring *all, struct extents *extents, struct err *err)
{
	const char *name = text_str(&all->names);

	for (size_t i = 0; i < all->count; i++, name += strlen(name) + 1) {
		struct err one = { 0 };
		all->list[i].name = name;
		int r = measure_one(all->pool, name, extents, &all->list[i].used, &one);
		if (r == -ENOENT)
			all->list[i].name = NULL;
		else if (r < 0)
			return err_set(err, one.code, "%s", one.text);
	}
	return 0;
}

/* The driver must tell which extents volumes share; volumes of other drivers cannot be compared. */
static int fill_alone(struct measuring *all, const struct extents *extents, struct err *err)
{
	scoped_free uint64_t *alone = calloc(all->count + 1, sizeof *alone);

	if (!alone)
		return err_set(err, ENOMEM, "out of memory");
	if (!(all->pool->ops->can & STORAGE_FAST_CLONE) || !all->pool->ops->measure ||
	    extents->overflown)
		return 0;
	extents_alone(extents, alone);
	for (size_t i = 0; i < all->count; i++) {
		all->list[i].alone = alone[i + 1];
		all->list[i].alone_known = true;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const struct volume_usage *one = a, *other = b;

	if (one->alone != other->alone)
		return one->alone < other->alone ? 1 : -1;
	if (one->used != other->used)
		return one->used < other->used ? 1 : -1;
	return 0;
}

int pool_measure(struct pool *pool, int (*visit)(void *, const struct volume_usage *),
		 void *context, struct err *err)
{
	__attribute__((cleanup(forget))) struct measuring all = { .pool = pool };
	scoped_extents struct extents extents = { .deadline = clock_ms() + MINUTES * 60000 };

	/* Volumes that are being removed still have space, and are counted. */
	if (pool->ops->list(pool, "", note_name, &all, err) < 0)
		return err->code ? -err->code : err_set(err, ENOMEM, "out of memory");
	all.list = calloc(all.count + 1, sizeof *all.list);
	if (!all.list || all.names.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (measure_all(&all, &extents, err) < 0 || fill_alone(&all, &extents, err) < 0)
		return err_wrap(err, "pool '%s'", pool->name);
	qsort(all.list, all.count, sizeof *all.list, by_size);
	int r = 0;
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		if (all.list[i].name)
			r = visit(context, &all.list[i]);
	}
	return r;
}
