/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of a thin pool: their names, and the creation of one, whatever an earlier command has left of it. */
#include "storage/thin/thin_device.h"
#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct thin *thin_of(const struct pool *pool)
{
	return pool->driver;
}

void thin_device_part(const struct pool *pool, const char *part, struct thin_device *device)
{
	snprintf(device->name, sizeof device->name, "%s.%s", thin_of(pool)->name, part);
	snprintf(device->uuid, sizeof device->uuid, DM_UUID_PREFIX "%s-%s", pool->config.uuid,
		 part);
}

void thin_device_volume(const struct pool *pool, uint64_t id, struct thin_device *device)
{
	char part[32];

	snprintf(part, sizeof part, "v%llu", (unsigned long long)id);
	thin_device_part(pool, part, device);
}

int thin_device_told(const struct thin_device *device, int r, const char *doing, struct err *err)
{
	return r < 0 ? err_set(err, -r, "%s device '%s': %s", doing, device->name, dm_why(r)) : 0;
}

int thin_device_ensure(struct pool *pool, const struct thin_device *device,
		       const struct dm_target *targets, unsigned n, dev_t *dev)
{
	struct dm *dm = &thin_of(pool)->dm;
	struct dm_info info;

	for (int i = 0; i < 3; i++) {
		int r = dm_info(dm, device->name, &info);
		if (r == 0 && strcmp(info.uuid, device->uuid) != 0)
			return -EEXIST;
		/* The volume of a killed machine, which somebody still uses: thin_unblock.c. */
		if (r == 0 && info.leaving)
			return -EBUSY;
		if (r == 0 && info.live) {
			*dev = info.dev;
			return info.suspended ? dm_resume(dm, device->name) : 0;
		}
		if (r == 0)
			r = dm_remove(dm, device->name, THIN_WAIT_MS);
		if (r < 0 && r != -ENXIO)
			return r;
		fault_point("thin-device-create");
		r = dm_create(dm, device->name, device->uuid, 0, targets, n, dev);
		fault_point("thin-device-created");
		if (r != -EBUSY)
			return r;
	}
	return -EBUSY;
}
