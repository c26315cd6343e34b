/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * End of the wait of killed processes. A write to a volume waits in the kernel while the volume's device is suspended,
 * or while the pool has no room, and a process that waits for it does not die.
 */
#include "storage/driver.h"
#include "storage/thin/thin.h"
#include "storage/thin/thin_device.h"

#include "base/scoped.h"

#include <errno.h>

enum { LOCK_SECONDS = 5 };

/*
 * Replaces the volume's table by one that fails everything. A suspend without a flush takes back the writes that wait
 * in the pool, and the new table fails them. No other volume is affected. The kernel removes the device with its last
 * holder, so that the next activation makes a new one.
 */
static int fail_writes(struct pool *pool, const struct catalog_volume *volume)
{
	const struct dm_target target = { 0, volume->size / DM_SECTOR, "error", "" };
	struct dm *dm = &thin_of(pool)->dm;
	struct thin_device device;

	thin_device_volume(pool, volume->id, &device);
	int r = dm_suspend(dm, device.name, DM_WITH_NO_FLUSH);
	if (r == 0)
		r = dm_reload(dm, device.name, 0, &target, 1);
	/* With the table that it had, if the new one was refused. */
	if (r < 0)
		(void)dm_resume(dm, device.name);
	else
		r = dm_remove_later(dm, device.name);
	return r == -ENXIO ? 0 : r;
}

int thin_unblock(struct pool *pool, const char *name, struct err *err)
{
	struct dm_pool_status status;
	struct catalog_volume volume;
	struct catalog *catalog;
	struct dm_info info;

	if (thin_catalog(pool, &catalog, err) < 0 ||
	    thin_find_volume(catalog, name, &volume, "end what waits for it", err) < 0)
		return -err->code;
	/* A living command that has suspended the device holds the lock. */
	scoped_fd int lock = thin_lock(pool, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	if (!thin_active(pool, volume.id, &info))
		return 0;
	int r = info.suspended ? thin_resume(pool, volume.id) : 0;
	if (r == 0 && thin_status(pool, 0, &status, err) < 0)
		return -err->code;
	if (r == 0 && status.mode == DM_POOL_OUT_OF_DATA)
		r = fail_writes(pool, &volume);
	return r < 0 ? storage_fail(err, r, "end what waits for it") : 0;
}
