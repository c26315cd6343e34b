/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of a thin pool, for the files of driver `thin` that make and remove them. */
#ifndef BERTH_STORAGE_THIN_DEVICE_H
#define BERTH_STORAGE_THIN_DEVICE_H

#include "storage/thin/thin.h"

/* No label has a dot, so that no two devices get the same. */
struct thin_device {
	char name[DM_NAME_MAX + 1];
	char uuid[DM_UUID_MAX + 1];
};

/* "pool", "data", "metadata" or "spare"; a volume. */
void thin_device_part(const struct pool *pool, const char *part, struct thin_device *device);
void thin_device_volume(const struct pool *pool, uint64_t id, struct thin_device *device);

/* r, and when it is a failure the words for it. */
int thin_device_told(const struct thin_device *device, int r, const char *doing, struct err *err);

/*
 * A device with these lines, live and running, whatever a killed command left of it. Whoever
 * comes here holds the lock, so what is half-made has no maker any more. 0 or -errno.
 */
int thin_device_ensure(struct pool *pool, const struct thin_device *device,
		       const struct dm_target *targets, unsigned n, dev_t *dev);

#endif
