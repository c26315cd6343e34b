/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open thin pool: its handle, its volumes' devices, its state. */
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_device.h"
#include "storage/thin/thin_trace.h"

#include <stdarg.h>
#include <string.h>
#include <sys/sysmacros.h>

char *thin_catalog_path(const struct pool *pool)
{
	return text_format("%s/catalog.db", pool->folder);
}

int thin_begin(struct pool *pool, struct err *err)
{
	struct thin *thin;
	char name[32];

	if (pool->driver)
		return 0;
	thin = calloc(1, sizeof *thin);
	if (!thin)
		return err_set(err, ENOMEM, "out of memory");
	int r = dm_open(&thin->dm);
	if (r < 0) {
		free(thin);
		return err_set(err, -r, "open device-mapper: %s", dm_why(r));
	}
	dirs_object_name(pool->dirs, name, sizeof name);
	snprintf(thin->name, sizeof thin->name, "%s.%s", name, pool->name);
	pool->driver = thin;
	return 0;
}

void thin_end(struct pool *pool)
{
	struct thin *thin = thin_of(pool);

	if (!thin)
		return;
	if (thin->owner == getpid())
		catalog_close(&thin->catalog);
	thin_trace_end_all(thin);
	dm_close(&thin->dm);
	free(thin);
	pool->driver = NULL;
}

/*
 * SQLite's locks belong to a process: a forked process opens the catalogue itself, and leaves the parent's handle
 * alone.
 */
int thin_catalog(struct pool *pool, struct catalog **catalog, struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);
	struct thin *thin = thin_of(pool);
	bool ours = thin->owner == getpid();

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	*catalog = &thin->catalog;
	if (ours && catalog_is_at_its_path(&thin->catalog))
		return 0;
	if (ours)
		catalog_close(&thin->catalog);
	thin->owner = getpid();
	return catalog_open(&thin->catalog, path, pool->config.uuid, err);
}

int thin_find_volume(struct catalog *catalog, const char *name, struct catalog_volume *volume,
		     const char *doing, struct err *err)
{
	int r = catalog_find(catalog, name, volume, err);

	return r == -ENOENT && !err->code ? storage_fail(err, r, "%s", doing) : r;
}

int thin_refuse_lost(const struct pool *pool, const struct catalog_volume *volume, struct err *err)
{
	if (volume->state != CATALOG_LOST)
		return 0;
	return err_set(err, EIO,
		       "the pool no longer has it; restore it from a backup, or delete it (berth "
		       "pool check %s tells more)",
		       pool->name);
}

/* A lock apart from pool_lock, which callers of a driver hold. */
int thin_lock(const struct pool *pool, unsigned seconds, struct err *err)
{
	scoped_free char *lock = text_format("thin.%s", pool->name);
	scoped_free char *what = text_format("pool '%s'", pool->name);

	if (!lock || !what)
		return err_set(err, ENOMEM, "out of memory");
	return dirs_lock(pool->dirs, lock, seconds, what, err);
}

/* ---- Volumes */

int thin_activate(struct pool *pool, const struct catalog_volume *volume, dev_t *dev,
		  struct err *err)
{
	struct thin_device device, below;
	struct dm_info info;
	char params[64];

	thin_device_part(pool, "pool", &below);
	int r = dm_info(&thin_of(pool)->dm, below.name, &info);
	if (r < 0)
		return thin_device_told(&below, r, "look at", err);
	thin_device_volume(pool, volume->id, &device);
	snprintf(params, sizeof params, "%u:%u %llu", major(info.dev), minor(info.dev),
		 (unsigned long long)volume->id);
	const struct dm_target target = { 0, volume->size / DM_SECTOR, "thin", params };
	thin_trace_begin(pool, volume->id);
	r = thin_device_ensure(pool, &device, &target, 1, dev);
	if (r == -ENODATA)
		return err_set(err, ENODATA,
			       "the pool no longer has it, though the catalogue does; compare the "
			       "two: berth pool check %s",
			       pool->name);
	return thin_device_told(&device, r, "make", err);
}

bool thin_active(const struct pool *pool, uint64_t id, struct dm_info *info)
{
	struct thin_device device;

	thin_device_volume(pool, id, &device);
	return dm_info(&thin_of(pool)->dm, device.name, info) == 0 && info->live;
}

int thin_deactivate(struct pool *pool, uint64_t id, unsigned wait_ms)
{
	struct thin_device device;

	thin_device_volume(pool, id, &device);
	int r = dm_remove(&thin_of(pool)->dm, device.name, wait_ms);
	thin_trace_end(pool, id);
	return r == -ENXIO ? 0 : r;
}

/* Suspending also freezes the file system on the volume, so that the snapshot is clean. */
int thin_suspend(struct pool *pool, uint64_t id)
{
	struct thin_device device;

	thin_device_volume(pool, id, &device);
	int r = dm_suspend(&thin_of(pool)->dm, device.name, 0);
	return r == -ENXIO ? 0 : r;
}

int thin_resume(struct pool *pool, uint64_t id)
{
	struct thin_device device;

	thin_device_volume(pool, id, &device);
	int r = dm_resume(&thin_of(pool)->dm, device.name);
	return r == -ENXIO ? 0 : r;
}

/* ---- The pool */

int thin_status(struct pool *pool, unsigned flags, struct dm_pool_status *status, struct err *err)
{
	struct thin_device device;

	thin_device_part(pool, "pool", &device);
	return thin_device_told(&device,
				dm_pool_status(&thin_of(pool)->dm, device.name, flags, status),
				"ask for the state of", err);
}

int thin_message(struct pool *pool, const char *fmt, ...)
{
	struct thin_device device;
	char text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	thin_device_part(pool, "pool", &device);
	return dm_message(&thin_of(pool)->dm, device.name, "%s", text);
}
