/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of a thin pool, made from its disks: attached, extended and detached. */
#include "base/child.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_device.h"
#include "storage/thin/thin_disks.h"
#include "storage/thin/thin_super.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

enum {
	LOW_WATER_PART = 5, /* with a fifth left: SPACE_LOW */
	PARTS_SECONDS = 10, /* wait for an array or a multipath disk whose parts are present */
};

int thin_enlarge(struct pool *pool, uint64_t metadata, struct err *err)
{
	uint64_t sectors[THIN_DISKS] = { 0 };
	scoped_disks struct thin_disks disks = { 0 };

	if (thin_disks_open(pool, &disks, err) < 0)
		return -err->code;
	for (unsigned i = 0; i < disks.count; i++)
		sectors[i] = disks.list[i].sectors;
	if (thin_layout_grow(&thin_of(pool)->layout, sectors, metadata, err) < 0)
		return -err->code;
	return thin_disks_write(pool, &disks, err);
}

/* Lines of a table: an object lies on disks in pieces. */
struct lines {
	struct dm_target targets[THIN_EXTENTS];
	char params[THIN_EXTENTS][64];
};

static void line_up(const struct thin_extents *extents, const struct thin_disks *disks,
		    struct lines *lines)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < extents->count; i++) {
		dev_t below = disks->list[extents->list[i].disk].dev;
		snprintf(lines->params[i], sizeof lines->params[i], "%u:%u %llu", major(below),
			 minor(below), (unsigned long long)extents->list[i].start);
		lines->targets[i] = (struct dm_target){ at, extents->list[i].length, "linear",
							lines->params[i] };
		at += extents->list[i].length;
	}
}

/*
 * A device's uuid contains the pool's. A device with this uuid belongs to an installation that manages the same pool.
 */
static int refuse_second(struct pool *pool, const struct thin_device *device, struct err *err)
{
	struct dm_info info;

	if (dm_info_uuid(&thin_of(pool)->dm, device->uuid, &info) < 0)
		return 0;
	return err_set(
		err, EBUSY,
		"another installation of berth has it, as device '%s'; detach it there (berth "
		"--root ... pool detach %s)",
		info.name, pool->name);
}

static int attach_part(struct pool *pool, const char *part, const struct thin_disks *disks,
		       const struct thin_extents *extents, dev_t *dev, struct err *err)
{
	struct thin_device device;
	struct lines lines;

	thin_device_part(pool, part, &device);
	line_up(extents, disks, &lines);
	int r = thin_device_ensure(pool, &device, lines.targets, extents->count, dev);
	if (r == -EBUSY && refuse_second(pool, &device, err) < 0)
		return -err->code;
	return thin_device_told(&device, r, "make", err);
}

/*
 * A file with all of its blocks allocated keeps them: discards would take one away for each block that a volume frees.
 */
static bool keeps_blocks(const struct pool *pool)
{
	struct stat st;

	return pool->config.size && stat(pool->config.source, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size;
}

static void pool_line(const struct pool *pool, dev_t metadata, dev_t data, char *out, size_t room)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	uint64_t blocks = thin_extents_size(&layout->data) / layout->block;

	snprintf(out, room, "%u:%u %u:%u %llu %llu%s", major(metadata), minor(metadata),
		 major(data), minor(data), (unsigned long long)layout->block,
		 (unsigned long long)(blocks / LOW_WATER_PART),
		 keeps_blocks(pool) ? " 1 no_discard_passdown" : "");
}

static int attach_pool(struct pool *pool, dev_t metadata, dev_t data, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	struct thin_device device;
	unsigned version[3];
	char params[128];
	dev_t dev;

	thin_device_part(pool, "pool", &device);
	pool_line(pool, metadata, data, params, sizeof params);
	const struct dm_target target = { 0, thin_extents_size(&layout->data), "thin-pool",
					  params };
	int r = thin_device_ensure(pool, &device, &target, 1, &dev);
	if (r == -EINVAL && dm_target_version(&thin_of(pool)->dm, "thin-pool", version) < 0)
		return err_set(err, EINVAL,
			       "the kernel has no device-mapper target 'thin-pool' (try: modprobe "
			       "dm-thin-pool)");
	if (r == -EINVAL || r == -EILSEQ || r == -EUCLEAN || r == -ENOTBLK || r == -EIO)
		return err_set(err, EUCLEAN,
			       "the kernel refuses its metadata, which is damaged (see dmesg); "
			       "repair it: berth pool repair %s",
			       pool->name);
	return thin_device_told(&device, r, "make", err);
}

/*
 * Checks a metadata snapshot that a crash has left. The kernel writes that the snapshot exists a moment before it has
 * counted the blocks that both share; a release at that time would free blocks in use. So a metadata snapshot is
 * checked before it is released. thin_check is installed: it comes with thin_ls, and no snapshot is made without
 * thin_ls.
 */
static int check_held(const struct pool *pool, const unsigned char *super, dev_t metadata,
		      struct err *err)
{
	enum { HELD_AT = 56 };
	scoped_text struct text out = { 0 };
	int code = 0;
	const struct child_io io = { .out = &out, .errors = &out, .code = &code };
	static const char none[8];
	char path[32];

	if (memcmp(super + HELD_AT, none, sizeof none) == 0)
		return 0;
	scoped_free char *program = disk_find_program("thin_check");
	if (!program)
		return err_set(
			err, ENOENT,
			"a crash has left a snapshot of its metadata, which must be checked, "
			"and thin_check is not installed; install thin-provisioning-tools");
	dm_path(metadata, path, sizeof path);
	/* A block that is counted but not used only costs space. */
	const char *const argv[] = { program, "-q", "--ignore-non-fatal-errors", path, NULL };
	if (child_run(argv, &io, err) < 0)
		return -err->code;
	if (code == 0)
		return 0;
	return err_set(err, EUCLEAN,
		       "a crash has left a snapshot of its metadata that is damaged; repair it, "
		       "nothing is lost: berth pool repair %s",
		       pool->name);
}

/*
 * The kernel takes a superblock of zeros for that of a new pool, and would overwrite the pool. It refuses any other
 * invalid superblock; this is reported before the labels are written, so that their copies stay valid.
 */
static int check_superblock(struct pool *pool, dev_t metadata, struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);
	scoped_catalog struct catalog catalog = { 0 };
	scoped_fd int fd = dm_open_device(metadata, O_RDONLY);
	static const unsigned char zeros[THIN_SUPER_SIZE];
	struct catalog_head head = { 0 };
	unsigned char super[sizeof zeros];
	struct err none = { 0 };

	if (fd < 0 || pread(fd, super, sizeof super, 0) != sizeof super)
		return err_set(err, EIO, "read its metadata: %s", strerror(fd < 0 ? -fd : errno));
	bool empty = memcmp(super, zeros, sizeof super) == 0;
	if (!empty && thin_super_is_whole(super))
		return check_held(pool, super, metadata, err);
	if (!empty)
		return err_set(err, EUCLEAN,
			       "the beginning of its metadata has been overwritten; repair it: "
			       "berth pool repair %s",
			       pool->name);
	if (path && catalog_open(&catalog, path, pool->config.uuid, &none) == 0 &&
	    catalog_read_head(&catalog, &head, &none) == 0 && head.transaction == 0 &&
	    head.intent.op == CATALOG_NOTHING)
		return 0;
	return err_set(err, EUCLEAN,
		       "the beginning of its metadata has been overwritten with zeros; repair it: "
		       "berth pool repair %s",
		       pool->name);
}

bool thin_attached(const struct pool *pool)
{
	struct thin_device device;
	struct dm_info info;

	thin_device_part(pool, "pool", &device);
	return dm_info(&thin_of(pool)->dm, device.name, &info) == 0 && info.live &&
	       !info.suspended && strcmp(info.uuid, device.uuid) == 0;
}

/* Devices that a killed command has left may have another layout. */
static int clear_leftovers(struct pool *pool, struct err *err)
{
	struct thin_device device;
	struct dm_info info;

	thin_device_part(pool, "pool", &device);
	if (dm_info(&thin_of(pool)->dm, device.name, &info) == 0 && info.live)
		return 0;
	return thin_conceal(pool, err);
}

static int attach_all(struct pool *pool, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	scoped_disks struct thin_disks disks = { 0 };
	dev_t metadata = 0, data = 0;

	if (thin_disks_open(pool, &disks, err) < 0 || thin_check_claim(pool, &disks, err) < 0 ||
	    attach_part(pool, "metadata", &disks, &layout->metadata, &metadata, err) < 0 ||
	    check_superblock(pool, metadata, err) < 0 || thin_claim(pool, &disks, err) < 0 ||
	    attach_part(pool, "data", &disks, &layout->data, &data, err) < 0 ||
	    attach_pool(pool, metadata, data, err) < 0)
		return -err->code;
	return 0;
}

/* The label is overwritten, and a copy of it exists: the caller reports it. */
static bool is_overwritten(const struct pool *pool)
{
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_layout layout;
	char uuid[37];

	return fd >= 0 && thin_label_read_copy(fd, uuid, &layout) == 0 &&
	       strcmp(uuid, pool->config.uuid) == 0;
}

/* Finds a disk that has another name by its label. Further disks: thin_disks_open. */
static int follow_disk(struct pool *pool, struct err *err)
{
	struct err missed = { 0 };
	char *found = NULL;

	if (pool->config.size || thin_look(pool, &missed) == 0 || missed.code == EUCLEAN)
		return 0;
	if (thin_find_disk(pool, NULL, &found, err) < 0)
		return -err->code;
	if (!found && is_overwritten(pool))
		return 0;
	if (!found && thin_refuse_idle_array(pool, err) < 0)
		return -err->code;
	if (!found)
		return err_set(
			err, ENODEV,
			"its disk '%s' is not there, and no other has its label; connect it; if it "
			"is, and something has written over its label: berth pool repair %s",
			pool->config.source, pool->name);
	free(pool->config.source);
	pool->config.source = found;
	return thin_save_places(pool, err);
}

/*
 * Finds the present place of the source. When a host boots, paths and parts appear before the device that consists of
 * them; this waits for it, with a deadline.
 */
static int locate(struct pool *pool, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 200000000 };

	for (int i = 0;; i++) {
		*err = (struct err){ 0 };
		bool device = !pool->config.size || *pool->config.devices;
		if ((!device || thin_refuse_copies(pool, err) == 0) && follow_disk(pool, err) == 0)
			return 0;
		if (err->code != EBUSY || i == PARTS_SECONDS * 5)
			return -err->code;
		nanosleep(&pause, NULL);
	}
}

int thin_attach(struct pool *pool, struct err *err)
{
	if (clear_leftovers(pool, err) < 0 || locate(pool, err) < 0 || attach_all(pool, err) < 0)
		return -err->code;
	return 0;
}

/* Extends an active device; its content stays in use. */
static int extend_part(struct pool *pool, const char *part, const struct thin_disks *disks,
		       const struct thin_extents *extents, dev_t *dev, struct err *err)
{
	struct dm *dm = &thin_of(pool)->dm;
	struct thin_device device;
	struct dm_info info;
	struct lines lines;

	thin_device_part(pool, part, &device);
	line_up(extents, disks, &lines);
	int r = dm_reload(dm, device.name, 0, lines.targets, extents->count);
	if (r == 0)
		r = dm_info(dm, device.name, &info);
	if (r == 0)
		*dev = info.dev;
	return thin_device_told(&device, r, "extend", err);
}

static int extend_pool(struct pool *pool, dev_t metadata, dev_t data, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	struct thin_device device;
	char params[128];

	thin_device_part(pool, "pool", &device);
	pool_line(pool, metadata, data, params, sizeof params);
	const struct dm_target target = { 0, thin_extents_size(&layout->data), "thin-pool",
					  params };
	return thin_device_told(&device, dm_reload(&thin_of(pool)->dm, device.name, 0, &target, 1),
				"extend", err);
}

int thin_extend(struct pool *pool, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	scoped_disks struct thin_disks disks = { 0 };
	dev_t metadata = 0, data = 0;

	if (thin_disks_open(pool, &disks, err) < 0 ||
	    extend_part(pool, "metadata", &disks, &layout->metadata, &metadata, err) < 0)
		return -err->code;
	fault_point("thin-extended-metadata");
	if (extend_part(pool, "data", &disks, &layout->data, &data, err) < 0)
		return -err->code;
	fault_point("thin-extended-data");
	return extend_pool(pool, metadata, data, err);
}

/* ---- Metadata without a pool, for programs */

int thin_path(struct pool *pool, const char *part, char *out, size_t room, struct err *err)
{
	struct thin_device device;
	struct dm_info info;

	thin_device_part(pool, part, &device);
	int r = dm_info(&thin_of(pool)->dm, device.name, &info);
	if (r == 0)
		dm_path(info.dev, out, room);
	return thin_device_told(&device, r, "look at", err);
}

int thin_expose(struct pool *pool, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	scoped_disks struct thin_disks disks = { 0 };
	dev_t dev;

	if (thin_disks_open(pool, &disks, err) < 0 || thin_check_claim(pool, &disks, err) < 0 ||
	    attach_part(pool, "metadata", &disks, &layout->metadata, &dev, err) < 0 ||
	    attach_part(pool, "spare", &disks, &layout->spare, &dev, err) < 0)
		return -err->code;
	return 0;
}

int thin_conceal(struct pool *pool, struct err *err)
{
	static const char *const parts[] = { "pool", "data", "metadata", "spare" };
	struct thin_device device;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
		thin_device_part(pool, parts[i], &device);
		r = dm_remove(&thin_of(pool)->dm, device.name, THIN_WAIT_MS);
		r = r == -ENXIO ? 0 : r;
	}
	return thin_device_told(&device, r, "remove", err);
}

int thin_swap(struct pool *pool, struct err *err)
{
	struct thin_layout *layout = &thin_of(pool)->layout;
	scoped_disks struct thin_disks disks = { 0 };

	if (thin_disks_open(pool, &disks, err) < 0)
		return -err->code;
	const struct thin_extents was = layout->metadata;
	layout->metadata = layout->spare;
	layout->spare = was;
	return thin_disks_write(pool, &disks, err);
}
