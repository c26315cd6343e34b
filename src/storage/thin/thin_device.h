/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of a thin pool, for the files of driver `thin` that make and remove them. */
#ifndef BERTH_STORAGE_THIN_DEVICE_H
#define BERTH_STORAGE_THIN_DEVICE_H

#include "storage/thin/thin.h"

/* Names of volumes have no dots in their labels, so device names are unique. */
struct thin_device {
	char name[DM_NAME_MAX + 1];
	char uuid[DM_UUID_MAX + 1];
};

/* The name of a part ("pool", "data", "metadata", "spare"), and of a volume. */
void thin_device_part(const struct pool *pool, const char *part, struct thin_device *device);
void thin_device_volume(const struct pool *pool, uint64_t id, struct thin_device *device);

/* Sets err if r is a failure: "DOING device ...: why". Returns r. */
int thin_device_told(const struct thin_device *device, int r, const char *doing, struct err *err);

/*
 * Makes a device with this table, live and not suspended, whatever a killed command left of it. Under the lock, so
 * nobody else is making it. 0 or -errno.
 */
int thin_device_ensure(struct pool *pool, const struct thin_device *device,
		       const struct dm_target *targets, unsigned n, dev_t *dev);

#endif
