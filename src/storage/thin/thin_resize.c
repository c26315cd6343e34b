/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enlargement of a thin volume in use: the catalogue, the device, the file system. */
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_device.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

/* Enlarges the device; completes also an enlargement that a killed command had only written into the catalogue. */
static int stretch(struct pool *pool, const struct catalog_volume *volume, dev_t *dev,
		   struct err *err)
{
	struct dm *dm = &thin_of(pool)->dm;
	struct thin_device device;
	struct dm_target target;
	struct dm_line line;

	if (thin_activate(pool, volume, dev, err) < 0)
		return -err->code;
	thin_device_volume(pool, volume->id, &device);
	int r = dm_table(dm, device.name, &line);
	if (r == 0 && line.length < volume->size / DM_SECTOR) {
		target = (struct dm_target){ 0, volume->size / DM_SECTOR, "thin", line.params };
		r = dm_reload(dm, device.name, 0, &target, 1);
	}
	return thin_device_told(&device, r, "make larger", err);
}

static int take_size(struct thin_session *session, struct catalog_volume *volume, uint64_t size,
		     struct err *err)
{
	char has[32], asked[32];

	if (size < volume->size) {
		text_human_size(volume->size, has, sizeof has);
		text_human_size(size, asked, sizeof asked);
		return err_set(err, EINVAL,
			       "it has %s and cannot be made smaller, as to %s; make a new one and "
			       "copy what is in it",
			       has, asked);
	}
	if (size == volume->size)
		return 0;
	volume->size = size;
	return catalog_resize(session->catalog, volume->id, size, err);
}

int thin_resize(struct pool *pool, const char *name, uint64_t size, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume;
	struct dm_info info;
	dev_t dev = 0;

	if (thin_look(pool, err) < 0 || thin_enter(pool, &session, err) < 0)
		return -err->code;
	int r = thin_find_volume(session.catalog, name, &volume, "make it larger", err);
	if (r < 0)
		return r;
	uint64_t block = thin_of(pool)->layout.block * DM_SECTOR;
	bool used = thin_active(pool, volume.id, &info) && info.open_count > 0;
	size = (size + block - 1) / block * block;
	if ((size > volume.size &&
	     thin_admit_promise(pool, &session, size - volume.size, err) < 0) ||
	    take_size(&session, &volume, size, err) < 0)
		return -err->code;
	fault_point("thin-resized-catalog");
	if (stretch(pool, &volume, &dev, err) < 0)
		return -err->code;
	fault_point("thin-resized-device");
	r = thin_grow_filesystem(pool, dev, err);
	if (!used)
		thin_deactivate(pool, volume.id, 0);
	return r;
}
