/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operations on volumes, for every driver: names are checked, locks taken, and errors name the volume. */
#include "storage/storage.h"

#include "base/scoped.h"
#include "storage/copy.h"
#include "storage/driver.h"
#include "storage/partial.h"
#include "storage/volume_lock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

static const struct storage_ops *const drivers[] = { &storage_thin, &storage_btrfs, &storage_dir };

const struct storage_ops *storage_find(const char *name)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	}
	return NULL;
}

static int check_name(const char *volume, struct err *err)
{
	const char *fault = volume_name_fault(volume);

	if (!fault)
		return 0;
	return err_set(err, EINVAL, "volume name '%.*s' %s", VOLUME_NAME_MAX, volume, fault);
}

/* Puts the object in front of what the driver says has failed. */
static int told(int r, struct pool *pool, const char *volume, struct err *err)
{
	size_t freeing = r == -ENOSPC ? pool_freeing(pool) : 0;

	if (freeing) {
		struct err why = *err;
		*err = (struct err){ 0 };
		err_set(err, ENOSPC,
			"%s; the space of %zu removed volume%s is still being given back: try "
			"again in a moment",
			why.text, freeing, freeing == 1 ? "" : "s");
	}
	return r < 0 ? err_wrap(err, "volume '%s' in pool '%s'", volume, pool->name) : r;
}

int volume_create(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	int r = check_name(volume, err);
	if (r < 0)
		return r;
	if (size && !(pool->ops->can & STORAGE_QUOTA))
		return err_set(err, EOPNOTSUPP,
			       "volume '%s' in pool '%s': a size cannot be set, since driver '%s' "
			       "has no limits for single volumes",
			       volume, pool->name, pool->ops->name);
	return told(pool->ops->create(pool, volume, size, err), pool, volume, err);
}

int volume_lock(struct pool *pool, const char *volume, enum volume_lock_mode how, struct err *err)
{
	int r = check_name(volume, err);

	return r < 0 ? r : told(volume_lock_take(pool, volume, how, err), pool, volume, err);
}

void volume_release(struct pool *pool, const char *volume)
{
	volume_lock_release(pool, volume);
}

bool volume_copies_at_once(struct pool *pool, const char *volume)
{
	if (!(pool->ops->can & STORAGE_FAST_CLONE))
		return false;
	return !pool->ops->at_once || pool->ops->at_once(pool, volume);
}

int volume_snapshot(struct pool *pool, const char *origin, const char *volume, struct err *err)
{
	if (check_name(origin, err) < 0 || check_name(volume, err) < 0 ||
	    volume_lock(pool, origin, VOLUME_LOCK_READ, err) < 0)
		return -err->code;
	int r = pool->ops->snapshot(pool, origin, volume, err);
	volume_lock_release(pool, origin);
	return told(r, pool, origin, err);
}

int volume_rename(struct pool *pool, const char *volume, const char *to, struct err *err)
{
	if (check_name(volume, err) < 0 || check_name(to, err) < 0 ||
	    volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0)
		return -err->code;
	int r = pool->ops->rename(pool, volume, to, err);
	volume_lock_release(pool, volume);
	return told(r, pool, volume, err);
}

/*
 * The locks are taken in the order of the names, so that two commands that exchange the same volumes do not wait for
 * each other.
 */
static int lock_both(struct pool *pool, const char *one, const char *other, struct err *err)
{
	bool swap = strcmp(one, other) > 0;

	if (volume_lock(pool, swap ? other : one, VOLUME_LOCK_CHANGE, err) < 0)
		return -err->code;
	int r = volume_lock(pool, swap ? one : other, VOLUME_LOCK_CHANGE, err);
	if (r < 0)
		volume_lock_release(pool, swap ? other : one);
	return r;
}

int volume_exchange(struct pool *pool, const char *one, const char *other, struct err *err)
{
	if (check_name(one, err) < 0 || check_name(other, err) < 0 ||
	    lock_both(pool, one, other, err) < 0)
		return -err->code;
	int r = pool->ops->exchange(pool, one, other, err);
	volume_lock_release(pool, one);
	volume_lock_release(pool, other);
	return told(r, pool, one, err);
}

int volume_destroy(struct pool *pool, const char *volume, struct err *err)
{
	if (volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0)
		return -err->code;
	int r = pool->ops->destroy(pool, volume, err);
	volume_lock_release(pool, volume);
	return told(r, pool, volume, err);
}

int volumes_unused(struct pool *pool, const char *const *volumes, struct err *err)
{
	return pool->ops->unused(pool, volumes, err);
}

int volume_mount(struct pool *pool, const char *volume, uint64_t attributes, int *mount_fd,
		 struct err *err)
{
	int r = check_name(volume, err);
	if (r < 0)
		return r;
	return told(pool->ops->mount(pool, volume, attributes, mount_fd, err), pool, volume, err);
}

int volume_deactivate(struct pool *pool, const char *volume, struct err *err)
{
	int r = check_name(volume, err);
	if (r < 0)
		return r;
	return told(pool->ops->deactivate(pool, volume, err), pool, volume, err);
}

int volume_unblock(struct pool *pool, const char *volume, struct err *err)
{
	int r = check_name(volume, err);
	if (r < 0 || !pool->ops->unblock)
		return r;
	return told(pool->ops->unblock(pool, volume, err), pool, volume, err);
}

int volume_info(struct pool *pool, const char *volume, struct volume_info *info, struct err *err)
{
	int r = check_name(volume, err);
	if (r < 0)
		return r;
	return told(pool->ops->info(pool, volume, info, err), pool, volume, err);
}

int volumes_limited(struct pool *pool, struct err *err)
{
	return pool->ops->limits && pool->ops->limits(pool, err) < 0
		       ? err_wrap(err, "pool '%s'", pool->name)
		       : 0;
}

int volume_resize(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	int r = check_name(volume, err);
	if (r < 0)
		return r;
	return told(pool->ops->resize(pool, volume, size, err), pool, volume, err);
}

int volume_check_limit(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	char holds[32], limit[32];
	uint64_t used = 0;

	if (size == 0 || pool->ops->can & STORAGE_BLOCK)
		return 0;
	if (volume_measure(pool, volume, &used, err) < 0)
		return -err->code;
	if (used <= size)
		return 0;
	text_human_size(used, holds, sizeof holds);
	text_human_size(size, limit, sizeof limit);
	return err_set(err, ENOSPC,
		       "it has %s already, also what it shares with others, and a limit of %s "
		       "would leave no room",
		       holds, limit);
}

struct whole_only {
	int (*visit)(void *, const struct volume_info *);
	void *context;
};

static int visit_whole(void *context, const struct volume_info *info)
{
	struct whole_only *whole = context;

	return partial_is(info->name) ? 0 : whole->visit(whole->context, info);
}

int volume_list(struct pool *pool, const char *prefix,
		int (*visit)(void *, const struct volume_info *), void *context, struct err *err)
{
	struct whole_only whole = { .visit = visit, .context = context };

	return pool->ops->list(pool, prefix, visit_whole, &whole, err);
}

struct destruction {
	struct pool *pool;
	struct err *err;
};

static int destroy_one(void *context, const struct volume_info *info)
{
	const struct destruction *destruction = context;

	return volume_destroy(destruction->pool, info->name, destruction->err);
}

int volumes_destroy(struct pool *pool, const char *prefix, struct err *err)
{
	struct destruction destruction = { pool, err };

	return volume_list(pool, prefix, destroy_one, &destruction, err);
}

static int copy_mounted(int from_mount, int to_mount, struct err *err)
{
	scoped_fd int from = openat(from_mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int to = openat(to_mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0 || to < 0)
		return err_set(err, errno, "open a mounted volume: %s", strerror(errno));
	return copy_tree(from, to, err);
}

static int copy_into(struct pool *from, const char *origin, struct pool *to, const char *partial,
		     struct err *err)
{
	const uint64_t quiet =
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME;
	scoped_fd int from_mount = -1;
	scoped_fd int to_mount = -1;

	if (from->ops->mount(from, origin, quiet | MOUNT_ATTR_RDONLY, &from_mount, err) < 0 ||
	    to->ops->mount(to, partial, quiet, &to_mount, err) < 0 ||
	    copy_mounted(from_mount, to_mount, err) < 0)
		return -err->code;
	return 0;
}

/* The copy is made under a partial name, and renamed, which also writes it to the disk. */
static int copy_between(struct pool *from, const char *origin, struct pool *to, const char *volume,
			struct err *err)
{
	struct volume_info info;
	struct partial partial;
	struct err ignored = { 0 };

	int r = from->ops->info(from, origin, &info, err);
	if (r < 0)
		return r;
	/* Sooner than after all the copying; the rename at the end is what decides. */
	if (to->ops->info(to, volume, &info, &ignored) == 0)
		return storage_fail(err, -EEXIST, "copy it to '%s'", volume);
	if (partial_begin(to, volume, &partial, err) < 0)
		return -err->code;
	uint64_t size = to->ops->can & STORAGE_QUOTA ? info.size : 0;
	if (to->ops->create(to, partial.name, size, err) < 0 ||
	    copy_into(from, origin, to, partial.name, err) < 0 ||
	    to->ops->deactivate(to, partial.name, err) < 0 ||
	    to->ops->rename(to, partial.name, volume, err) < 0) {
		partial_abandon(to, &partial);
		return -err->code;
	}
	partial_end(&partial);
	return 0;
}

int volume_copy(struct pool *from, const char *origin, struct pool *to, const char *volume,
		struct err *err)
{
	if (check_name(origin, err) < 0 || check_name(volume, err) < 0)
		return -err->code;
	if (strcmp(from->folder, to->folder) == 0)
		return volume_snapshot(from, origin, volume, err);
	if (volume_lock(from, origin, VOLUME_LOCK_READ, err) < 0)
		return -err->code;
	int r = copy_between(from, origin, to, volume, err);
	volume_lock_release(from, origin);
	return told(r, from, origin, err);
}
