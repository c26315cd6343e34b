/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Actions of a pool that runs out of room: it grows, and gives up its reserve. */
#include "base/backing_fs.h"
#include "base/scoped.h"
#include "storage/pool.h"
#include "storage/space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

enum { RESERVE_PART = 100, RESERVE_MIN = 4 << 20, RESERVE_MAX = 256 << 20, PIECE = 1 << 20 };

int pool_each_use(struct pool *pool, int (*visit)(void *, const struct volume_use *), void *context,
		  struct err *err)
{
	return pool->ops->maintenance ? pool->ops->maintenance->each_use(pool, visit, context, err)
				      : 0;
}

void pool_taken(struct pool *pool, struct volume_taken *const *list, size_t count)
{
	if (pool->ops->maintenance)
		pool->ops->maintenance->taken(pool, list, count);
}

void pool_watch_device(const struct pool *pool, char *out, size_t room)
{
	snprintf(out, room, "%s", "");
	if (pool->ops->maintenance)
		pool->ops->maintenance->device(pool, out, room);
}

void pool_watch_file(const struct pool *pool, char *out, size_t room)
{
	bool watched = pool->ops->maintenance && pool->config.size > 0;

	if (snprintf(out, room, "%s", watched ? pool->config.source : "") >= (int)room)
		*out = '\0';
}

int pool_watch_again(struct pool *pool, struct err *err)
{
	return pool->ops->maintenance ? pool->ops->maintenance->watch_again(pool, err) : 0;
}

/* ---- Growing */

/* The space left for a larger file. The holes that the file has now will take their part first. */
static uint64_t free_below(const struct pool *pool)
{
	struct backing_fs backing;

	if (backing_fs_look(pool->config.source, &backing) < 0 || backing.free <= backing.holes)
		return 0;
	return backing.free - backing.holes;
}

/* Where there is no room for the metadata that is wished, the data grows alone. */
static int grow(struct pool *pool, const struct pool_growth *growth, struct err *err)
{
	struct pool_growth alone = *growth;
	struct err why = { 0 };

	if (pool->ops->maintenance->grow(pool, growth, &why) == 0)
		return 0;
	alone.metadata = 0;
	return growth->metadata ? pool->ops->maintenance->grow(pool, &alone, err)
				: err_set(err, why.code, "%s", why.text);
}

/* 1: it has gained something. */
static int gain(struct pool *pool, const struct pool_growth *growth, struct text *how,
		struct err *err)
{
	struct pool_usage before, after;
	char size[32];

	if (pool->ops->pool_usage(pool, &before, err) < 0 || grow(pool, growth, err) < 0 ||
	    pool->ops->pool_usage(pool, &after, err) < 0)
		return -err->code;
	if (after.total <= before.total && after.metadata_total <= before.metadata_total)
		return 0;
	text_human_size(after.total, size, sizeof size);
	text_add(how, "to %s", size);
	if (growth->device)
		text_add(how, " with disk '%s'", growth->device);
	if (after.metadata_total > before.metadata_total) {
		text_human_size(after.metadata_total, size, sizeof size);
		text_add(how, ", its metadata to %s", size);
	}
	return 1;
}

/* The metadata that the pool is to get, in bytes; 0: it has enough. */
static int wish_metadata(struct pool *pool, uint64_t *metadata, struct err *err)
{
	struct pool_usage usage;

	if (pool->ops->pool_usage(pool, &usage, err) < 0)
		return -err->code;
	const struct space space = {
		.total = usage.total,
		.used = usage.used,
		.metadata_total = usage.metadata_total,
		.metadata_used = usage.metadata_used,
	};
	bool scarce = space_level(&space) >= SPACE_SCARCE && space_lacks_metadata(&space);
	*metadata = scarce ? space_metadata_to(&space) << 20 : 0;
	return 0;
}

/* Grows the pool by the means of its own source. */
static int grow_source(struct pool *pool, uint64_t metadata, struct text *how, struct err *err)
{
	const struct pool_config *config = &pool->config;
	struct pool_growth growth = { .metadata = metadata, .itself = true };

	if (config->size) {
		growth.size = space_grow_to(config->size, config->size_max, free_below(pool));
		if (!growth.size)
			return 0;
	}
	return gain(pool, &growth, how, err);
}

/* The first of those that were named for it that can be had; when none can, why not the last one. */
static int grow_by_disk(struct pool *pool, uint64_t metadata, struct text *how, struct err *err)
{
	scoped_free char *names = strdup(pool->config.grow_devices);
	struct err why = { 0 };
	char *rest = names;
	int r = 0;

	if (!names)
		return err_set(err, ENOMEM, "out of memory");
	for (char *name; r <= 0 && (name = strsep(&rest, " "));) {
		if (!*name)
			continue;
		why = (struct err){ 0 };
		r = gain(pool, &(struct pool_growth){ .device = name, .metadata = metadata }, how,
			 &why);
	}
	return r < 0 ? err_set(err, why.code, "%s", why.text) : r;
}

int pool_grow_itself(struct pool *pool, struct text *how, struct err *err)
{
	if (!pool->ops->maintenance)
		return 0;
	/* pool.conf is read again under the lock, because it is changed here. */
	scoped_fd int lock = pool_lock(pool, err);
	if (lock < 0 || pool_load(pool, "pool.conf", err) < 0)
		return -err->code;
	uint64_t metadata;
	int r = wish_metadata(pool, &metadata, err);
	r = r < 0 ? r : grow_source(pool, metadata, how, err);
	return r == 0 ? grow_by_disk(pool, metadata, how, err) : r;
}

/* ---- The reserve */

static int fill(int mount_fd, uint64_t size, struct err *err)
{
	scoped_free char *zeros = calloc(1, PIECE);
	scoped_fd int fd =
		openat(mount_fd, "room", O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);

	if (!zeros)
		return err_set(err, ENOMEM, "out of memory");
	for (uint64_t done = 0; fd >= 0 && done < size; done += PIECE) {
		if (write(fd, zeros, PIECE) != PIECE)
			return err_set(err, errno, "fill it: %s", strerror(errno));
	}
	if (fd < 0 || fsync(fd) < 0)
		return err_set(err, errno, "fill it: %s", strerror(errno));
	return 0;
}

static int make_reserve(struct pool *pool, uint64_t size, struct err *err)
{
	scoped_fd int mount_fd = -1;

	if (volume_create(pool, RESERVE_VOLUME, 2 * size + (64 << 20), err) < 0)
		return -err->code;
	if (volume_mount(pool, RESERVE_VOLUME, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &mount_fd,
			 err) < 0 ||
	    fill(mount_fd, size, err) < 0)
		return -err->code;
	scoped_close_fd(&mount_fd);
	return volume_deactivate(pool, RESERVE_VOLUME, err);
}

int pool_keep_reserve(struct pool *pool, struct err *err)
{
	struct volume_info info;
	struct pool_usage usage;

	if (!pool->ops->maintenance ||
	    volume_info(pool, RESERVE_VOLUME, &info, &(struct err){ 0 }) == 0)
		return 0;
	if (pool->ops->pool_usage(pool, &usage, err) < 0)
		return -err->code;
	uint64_t size = usage.total / RESERVE_PART;
	size = size < RESERVE_MIN ? RESERVE_MIN : size > RESERVE_MAX ? RESERVE_MAX : size;
	if (usage.used + 8 * size > usage.total / 2)
		return 0;
	int r = make_reserve(pool, size, err);
	if (r < 0)
		pool_release_reserve(pool, &(struct err){ 0 });
	return r;
}

int pool_release_reserve(struct pool *pool, struct err *err)
{
	struct volume_info info;

	if (!pool->ops->maintenance ||
	    volume_info(pool, RESERVE_VOLUME, &info, &(struct err){ 0 }) < 0)
		return 0;
	return volume_destroy(pool, RESERVE_VOLUME, err);
}
