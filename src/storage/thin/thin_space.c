/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Usage of a thin pool by its volumes, and the kernel's event for little free space. */
#include "base/file.h"
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Devices that were open. */
struct ids {
	struct id {
		uint64_t id;
		dev_t dev;
	} * list; /* owned */
	size_t count;
	size_t prefix; /* length of the text before the id in a uuid */
};

static int note(void *context, const struct dm_info *info)
{
	struct ids *ids = context;
	uint64_t id;

	if (info->open_count == 0 || sscanf(info->uuid + ids->prefix, "%" SCNu64, &id) != 1)
		return 0;
	struct id *list = reallocarray(ids->list, ids->count + 1, sizeof *list);
	if (!list)
		return -ENOMEM;
	ids->list = list;
	list[ids->count++] = (struct id){ id, info->dev };
	return 0;
}

static int find_used(struct pool *pool, struct ids *ids)
{
	char prefix[DM_UUID_MAX];

	snprintf(prefix, sizeof prefix, DM_UUID_PREFIX "%s-v", pool->config.uuid);
	ids->prefix = strlen(prefix);
	return dm_list(&thin_of(pool)->dm, prefix, note, ids);
}

/* Bytes written to a device, from the seventh number, which counts sectors. 0: unknown. */
static uint64_t written_to(dev_t dev)
{
	char path[64];
	uint64_t sectors = 0;
	scoped_free char *text = NULL;

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", major(dev), minor(dev));
	if (file_read(AT_FDCWD, path, 4096, &text) < 0 ||
	    sscanf(text, "%*u %*u %*u %*u %*u %*u %" SCNu64, &sectors) != 1)
		return 0;
	return sectors * DM_SECTOR;
}

/* A device that vanishes meanwhile is no longer in use. */
static int visit_one(struct pool *pool, struct catalog *catalog, const struct id *one,
		     int (*visit)(void *, const struct volume_use *), void *context,
		     struct err *err)
{
	struct thin_device device;
	struct dm_thin_status status;
	struct catalog_volume volume;

	thin_device_volume(pool, one->id, &device);
	if (dm_thin_status(&thin_of(pool)->dm, device.name, 0, &status) < 0 || status.fail)
		return 0;
	int r = catalog_find_id(catalog, one->id, &volume, err);
	if (r == -ENOENT && !err->code)
		return 0;
	const struct volume_use use = {
		.name = volume.name,
		.id = one->id,
		.used = status.mapped * DM_SECTOR,
		.written = written_to(one->dev),
	};
	return r < 0 ? r : visit(context, &use);
}

int thin_admit_promise(struct pool *pool, struct thin_session *session, uint64_t bytes,
		       struct err *err)
{
	uint64_t limit = pool->config.overcommit;
	uint64_t whole = session->status.data_total * thin_of(pool)->layout.block * DM_SECTOR;
	struct catalog_census census;

	if (!limit || !whole)
		return 0;
	if (catalog_count(session->catalog, &census, err) < 0)
		return -err->code;
	double percent = 100.0 * (double)(census.bytes + bytes) / (double)whole;
	if (percent <= (double)limit)
		return 0;
	return err_set(
		err, ENOSPC,
		"the volumes of the pool would come to %.0f%% of it, and its overcommit.max "
		"is %llu%%; make it larger (berth pool grow %s), delete some, or allow more: "
		"berth pool set %s overcommit.max=%.0f",
		percent, (unsigned long long)limit, pool->name, pool->name, percent + 1);
}

int thin_each_use(struct pool *pool, int (*visit)(void *, const struct volume_use *), void *context,
		  struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct ids ids = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = find_used(pool, &ids);
	if (r < 0)
		err_set(err, -r, "list its devices: %s", dm_why(r));
	else
		r = catalog_open(&catalog, path, pool->config.uuid, err);
	for (size_t i = 0; r == 0 && i < ids.count; i++)
		r = visit_one(pool, &catalog, &ids.list[i], visit, context, err);
	free(ids.list);
	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

int thin_glance(struct pool *pool, struct pool_usage *usage, struct err *err)
{
	if (thin_begin(pool, err) < 0)
		return -err->code;
	return thin_attached(pool) ? pool->ops->pool_usage(pool, usage, err) : -ENODEV;
}

void thin_watch_device(const struct pool *pool, char *out, size_t room)
{
	struct thin_device device;

	thin_device_part(pool, "pool", &device);
	snprintf(out, room, "%s", device.name);
}

/*
 * A resume arms the kernel's low-water mark again. It stops no machine: writes of volumes wait for that moment. The
 * pool's lock is held, so that no change meets a suspended pool.
 */
int thin_watch_again(struct pool *pool, struct err *err)
{
	scoped_fd int lock = thin_lock(pool, 10, err);
	struct thin_device device;

	if (lock < 0)
		return lock;
	thin_device_part(pool, "pool", &device);
	int r = dm_suspend(&thin_of(pool)->dm, device.name, DM_WITH_NO_FLUSH);
	int woken = dm_resume(&thin_of(pool)->dm, device.name);
	return thin_device_told(&device, r < 0 ? r : woken, "wake", err);
}
