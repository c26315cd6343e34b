/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another disk for a thin pool: its own label is written first, then that of the first disk, which names it. After a
 * kill in between, no pool knows the disk, and the same command takes it again.
 */
#include "base/fault.h"
#include "base/scoped.h"
#include "kern/blockdev.h"
#include "storage/driver.h"
#include "storage/pool.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { MIB = 1 << 20 };

/* The relation of a device to the pool. */
enum kin { KIN_NONE, KIN_LEFT_OVER, KIN_JOINED };

static int refuse_copy(const char *path, struct err *err)
{
	return err_set(err, EEXIST,
		       "'%s' is a disk of this very pool, or a copy of one; if it is a copy and of "
		       "no use, take its label from it: dd if=/dev/zero of=%s bs=1M count=1",
		       path, path);
}

static bool is_named(const struct thin_layout *layout, const char *uuid)
{
	for (unsigned i = 1; i < layout->disks; i++) {
		if (strcmp(layout->uuids[i], uuid) == 0)
			return true;
	}
	return false;
}

/* The relation of the device at path (enum kin), or -code. */
static int recognise(struct pool *pool, const struct thin_disks *disks, const char *path,
		     dev_t *dev, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_disk_label label;
	struct thin_layout layout;
	char uuid[37];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return err_set(err, ENOTBLK,
			       "'%s' is not a block device; 'lsblk' lists block devices", path);
	*dev = st.st_rdev;
	for (unsigned i = 0; i < disks->count; i++) {
		if (disks->list[i].dev == st.st_rdev)
			return i > 0 ? KIN_JOINED : refuse_copy(path, err);
	}
	if (thin_label_read(fd, uuid, &layout) == 0 && strcmp(uuid, pool->config.uuid) == 0)
		return refuse_copy(path, err);
	if (thin_label_read_disk(fd, &label) < 0 || strcmp(label.pool, pool->config.uuid) != 0)
		return KIN_NONE;
	return is_named(&thin_of(pool)->layout, label.uuid) ? refuse_copy(path, err)
							    : KIN_LEFT_OVER;
}

/* A descriptor that no other process can have at the same time, or -code. */
static int open_new(const char *path, const struct thin_disks *disks, struct thin_disk *disk,
		    struct err *err)
{
	scoped_fd int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path,
			       errno == EBUSY ? "it is in use" : strerror(errno));
	if (thin_disk_measure(fd, path, disk, err) < 0)
		return -err->code;
	/* Users of the pool have been told the smallest write that the pool takes. */
	unsigned sector = thin_disks_sector(disks);
	if (disk->sector_size > sector)
		return err_set(err, EINVAL,
			       "'%s' has sectors of %u bytes, but file systems in the pool may "
			       "write %u; give a disk with such sectors, or make a "
			       "second pool on this one: berth pool create --device %s NAME",
			       path, disk->sector_size, sector, path);
	return take_fd(&fd);
}

/* The layout after the change. */
static int lay_out(struct pool *pool, const struct thin_disks *disks, const char *uuid,
		   const struct thin_disk *disk, uint64_t metadata, struct thin_layout *layout,
		   struct err *err)
{
	uint64_t sectors[THIN_DISKS] = { 0 };

	*layout = thin_of(pool)->layout;
	for (unsigned i = 0; i < disks->count; i++)
		sectors[i] = disks->list[i].sectors;
	if (thin_layout_add(layout, uuid, disk->sectors, err) < 0)
		return -err->code;
	sectors[disks->count] = disk->sectors;
	return thin_layout_grow(layout, sectors, metadata, err);
}

static int label_new(const struct pool *pool, const char *path, const struct thin_disk *disk,
		     const struct thin_layout *layout, struct err *err)
{
	const uint64_t places[] = { 0, disk->sectors * DM_SECTOR - MIB };
	struct thin_disk_label label = { .index = layout->disks - 1, .step = layout->mark.step };

	text_print(label.pool, sizeof label.pool, "%s", pool->config.uuid);
	text_print(label.uuid, sizeof label.uuid, "%s", layout->uuids[label.index]);
	blockdev_kind(disk->dev, label.kind, sizeof label.kind);
	int r = thin_clear(disk->fd, places, 2);
	fault_point("thin-join-cleared");
	if (r == 0)
		r = thin_label_write_disk(disk->fd, &label,
					  thin_layout_end(layout, (unsigned)label.index));
	fault_point("thin-join-labelled");
	return r < 0 ? err_set(err, -r, "write to '%s': %s", path, strerror(-r)) : 0;
}

/* ---- Where pool.conf says they are */

/* Copies the words of a list except those that name the device. */
static int drop(char **list, dev_t dev)
{
	scoped_free char *words = strdup(*list);
	scoped_text struct text kept = { 0 };
	char *rest = words;
	struct stat st;

	for (char *word; words && (word = strsep(&rest, " "));) {
		if (*word && (stat(word, &st) < 0 || st.st_rdev != dev))
			text_add(&kept, "%s%s", kept.length ? " " : "", word);
	}
	char *copy = words && !kept.failed ? strdup(text_str(&kept)) : NULL;
	if (!copy)
		return -ENOMEM;
	free(*list);
	*list = copy;
	return 0;
}

/* path NULL: the other list has it already. */
static int move_place(struct pool *pool, const char *path, dev_t dev, struct err *err)
{
	char *devices = path ? text_format("%s%s%s", pool->config.devices,
					   *pool->config.devices ? " " : "", path)
			     : strdup(pool->config.devices);

	if (!devices || drop(&pool->config.grow_devices, dev) < 0) {
		free(devices);
		return err_set(err, ENOMEM, "out of memory");
	}
	free(pool->config.devices);
	pool->config.devices = devices;
	return thin_save_places(pool, err);
}

/* ---- All of it */

/* Checks that the disk can be taken. Returns its exclusive descriptor, with the future layout, or -code. */
static int prepare(struct pool *pool, const struct thin_disks *disks, const char *path, bool blank,
		   uint64_t metadata, struct thin_layout *layout, struct thin_disk *disk,
		   struct err *err)
{
	scoped_free char *uuid = NULL;
	scoped_fd int fd = open_new(path, disks, disk, err);

	if (fd < 0 || pool_draw_uuid(&uuid, err) < 0)
		return -err->code;
	if (lay_out(pool, disks, uuid, disk, metadata, layout, err) < 0)
		return err_wrap(err, "'%s'", path);
	if (!blank && thin_refuse_full(fd, path, err) < 0)
		return -err->code;
	return take_fd(&fd);
}

static int join_new(struct pool *pool, const struct thin_disks *disks, const char *path, bool blank,
		    uint64_t metadata, struct err *err)
{
	struct thin_layout layout;
	struct thin_disk disk;
	scoped_fd int fd = prepare(pool, disks, path, blank, metadata, &layout, &disk, err);

	if (fd < 0 || label_new(pool, path, &disk, &layout, err) < 0)
		return -err->code;
	thin_of(pool)->layout = layout;
	return thin_disks_write(pool, disks, err);
}

int thin_join(struct pool *pool, const char *path, bool force, uint64_t metadata, struct err *err)
{
	scoped_disks struct thin_disks disks = { 0 };
	dev_t dev = 0;

	if (thin_disks_open(pool, &disks, err) < 0)
		return -err->code;
	int kin = recognise(pool, &disks, path, &dev, err);
	if (kin < 0)
		return kin;
	if (kin != KIN_JOINED &&
	    join_new(pool, &disks, path, force || kin == KIN_LEFT_OVER, metadata, err) < 0)
		return -err->code;
	fault_point("thin-joined");
	if (move_place(pool, kin == KIN_JOINED ? NULL : path, dev, err) < 0)
		return -err->code;
	fault_point("thin-join-told");
	return kin == KIN_JOINED;
}

int thin_can_join(struct pool *pool, const char *path, struct err *err)
{
	scoped_disks struct thin_disks disks = { 0 };
	struct thin_layout layout;
	struct thin_disk disk;
	dev_t dev = 0;

	if (thin_disks_open(pool, &disks, err) < 0)
		return -err->code;
	int kin = recognise(pool, &disks, path, &dev, err);
	if (kin < 0 || kin == KIN_JOINED)
		return kin < 0 ? kin : 0;
	scoped_fd int fd =
		prepare(pool, &disks, path, kin == KIN_LEFT_OVER, 0, &layout, &disk, err);
	return fd < 0 ? fd : 0;
}
