/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Detachment of a thin pool: its devices are removed if no process uses a volume; else the error names the process. */
#include "base/fault.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/holder.h"
#include "kern/loop.h"
#include "storage/driver.h"
#include "storage/thin/thin_device.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

struct names {
	struct text text;           /* each with its NUL */
	unsigned used;              /* number of volumes that are open */
	char uuid[DM_UUID_MAX + 1]; /* uuid and device of an open volume */
	dev_t dev;
};

static int note(void *context, const struct dm_info *info)
{
	struct names *names = context;

	if (info->open_count > 0 && names->used++ == 0) {
		text_print(names->uuid, sizeof names->uuid, "%s", info->uuid);
		names->dev = info->dev;
	}
	return text_add_bytes(&names->text, info->name, strlen(info->name) + 1);
}

/*
 * Lists the devices of all volumes if none is open, with some patience: a program that has just ended, such as an
 * import's, may still have to write before its device is released.
 */
static int find_volumes(struct pool *pool, struct names *names)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char prefix[DM_UUID_MAX];
	int r = 0;

	snprintf(prefix, sizeof prefix, DM_UUID_PREFIX "%s-v", pool->config.uuid);
	for (int i = 0; i < 250; i++) {
		text_free(&names->text);
		*names = (struct names){ 0 };
		r = dm_list(&thin_of(pool)->dm, prefix, note, names);
		if (r != 0 || names->used == 0)
			break;
		nanosleep(&pause, NULL);
	}
	return r;
}

static int remove_devices(struct pool *pool, const struct text *volumes, struct err *err)
{
	struct dm *dm = &thin_of(pool)->dm;
	struct thin_device device;
	int r = 0;

	for (size_t at = 0; r == 0 && at < volumes->length; at += strlen(volumes->data + at) + 1) {
		text_print(device.name, sizeof device.name, "%s", volumes->data + at);
		r = dm_remove(dm, device.name, THIN_WAIT_MS);
		r = r == -ENXIO ? 0 : r;
	}
	return r < 0 ? thin_device_told(&device, r, "remove", err) : thin_conceal(pool, err);
}

/* A label that cannot be written does no harm: this host may attach the pool again. */
static int remove_all(struct pool *pool, const struct text *volumes, struct err *err)
{
	bool attached = thin_attached(pool);
	scoped_disks struct thin_disks disks = { 0 };
	struct err ignored = { 0 };

	/* Before, since a loop device that nothing uses is gone. */
	if (thin_disks_open(pool, &disks, &ignored) < 0)
		return remove_devices(pool, volumes, err);
	int r = remove_devices(pool, volumes, err);
	fault_point("thin-removed");
	if (r == 0 && attached)
		thin_release(pool, &disks, &ignored);
	return r;
}

/* The loop device goes with its last user; who only looks at it is waited for. */
static void wait_for_loop(const struct pool *pool)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	for (int i = 0; fd >= 0 && pool->config.size && i < 200; i++) {
		scoped_loop struct loop loop = { .fd = -1 };
		if (loop_find(fd, &loop) < 0)
			return;
		loop_close(&loop);
		nanosleep(&pause, NULL);
	}
}

/* A volume's name by the uuid of its device; the id where the catalogue does not tell. */
static void name_volume(struct pool *pool, const char *uuid, char *name, size_t room)
{
	scoped_free char *path = thin_catalog_path(pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct catalog_volume volume = { 0 };
	const char *last = strrchr(uuid, '-');
	struct err ignored = { 0 };
	uint64_t id = 0;

	if (last)
		sscanf(last, "-v%" SCNu64, &id);
	if (path && catalog_open(&catalog, path, pool->config.uuid, &ignored) == 0 &&
	    catalog_find_id(&catalog, id, &volume, &ignored) == 0 && *volume.name)
		text_print(name, room, "%s", volume.name);
	else
		text_print(name, room, "id %" PRIu64, id);
}

/* Mostly a machine uses it. Any other process is hard to find, so it is named. */
static int refuse_used(struct pool *pool, const struct names *names, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1], holder[512];

	name_volume(pool, names->uuid, name, sizeof name);
	if (!holder_find(names->dev, holder, sizeof holder))
		return err_set(err, EBUSY, "volume '%s' is in use; stop the machines on it", name);
	return err_set(
		err, EBUSY,
		"volume '%s' is in use: %s; stop the machines on the pool, and whatever else "
		"uses it",
		name, holder);
}

int thin_detach(struct pool *pool, struct err *err)
{
	struct names names = { 0 };
	int r = find_volumes(pool, &names);

	if (r < 0)
		err_set(err, -r, "list its devices: %s", dm_why(r));
	else if (names.used > 0)
		r = refuse_used(pool, &names, err);
	else
		r = remove_all(pool, &names.text, err);
	text_free(&names.text);
	if (r == 0)
		wait_for_loop(pool);
	return r;
}
