/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enlargement of a thin pool in use: its file or disks, its label, its devices, in this order. */
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { MIB = 1 << 20 };

/* Metadata must have its blocks when it is written; data only if the file had all of its blocks. */
static int reserve(const struct pool *pool, int fd, uint64_t size, bool sparse, struct err *err)
{
	const char *path = pool->config.source;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "look at '%s': %s", path, strerror(errno));
	if (!sparse && fallocate(fd, 0, 0, (off_t)size) < 0)
		return err_set(err, errno, "make '%s' larger: %s", path, strerror(errno));
	if ((uint64_t)st.st_size < size && ftruncate(fd, (off_t)size) < 0)
		return err_set(err, errno, "make '%s' larger: %s", path, strerror(errno));
	if (fsync(fd) < 0)
		return err_set(err, errno, "write '%s': %s", path, strerror(errno));
	return 0;
}

static int grow_file(struct pool *pool, uint64_t size, struct err *err)
{
	const char *path = pool->config.source;
	scoped_loop struct loop loop = { .fd = -1 };
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (size < pool->config.size)
		return err_set(err, EINVAL, "a thin pool cannot be made smaller");
	/* A file with all of its blocks, or that had them until volumes were deleted, gets all of them again. */
	bool sparse = (uint64_t)st.st_blocks * 512 < pool->config.size / 100 * 99;
	if (reserve(pool, fd, size, sparse, err) < 0)
		return -err->code;
	fault_point("thin-grown-file");
	pool->config.size = size;
	if (thin_save_places(pool, err) < 0 || disk_serve(pool, &loop, err) < 0)
		return -err->code;
	fault_point("thin-grown-conf");
	int r = loop_set_capacity(&loop);
	return r < 0 ? err_set(err, -r, "tell '%s' of its size: %s", loop.path, loop_why(r)) : 0;
}

/* File size for this amount of metadata and the present data. */
static uint64_t size_for(const struct thin_layout *layout, uint64_t metadata, uint64_t size)
{
	uint64_t have = thin_extents_size(&layout->metadata);

	if (metadata <= have)
		return size;
	return size + (2 * (metadata - have) + layout->block) * DM_SECTOR + MIB;
}

int thin_fill(const struct pool *pool, const struct thin_extents *extents, struct err *err)
{
	scoped_fd int fd = open(pool->config.source, O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && pool->config.size && i < extents->count; i++) {
		if (extents->list[i].disk > 0)
			continue;
		if (fallocate(fd, 0, (off_t)(extents->list[i].start * DM_SECTOR),
			      (off_t)(extents->list[i].length * DM_SECTOR)) < 0 &&
		    errno != EOPNOTSUPP)
			return err_set(err, errno, "reserve the space of '%s': %s",
				       pool->config.source, strerror(errno));
	}
	return fd < 0 ? err_set(err, errno, "open '%s': %s", pool->config.source, strerror(errno))
		      : 0;
}

/* A pool with full metadata is read-only, and only growth ends that. */
static int enter(struct pool *pool, struct thin_session *session, struct err *err)
{
	struct err failed = { 0 };

	if (thin_enter(pool, session, &failed) == 0 ||
	    (failed.code == EROFS && session->status.mode == DM_POOL_READ_ONLY))
		return 0;
	return err_set(err, failed.code, "%s", failed.text);
}

/* Writes all space that can be gained into the disk's label; 1: a disk had it already. */
static int enlarge(struct pool *pool, const struct pool_growth *growth, uint64_t metadata,
		   struct err *err)
{
	uint64_t size = growth->size;
	int joined = 0;

	if (growth->device) {
		joined = thin_join(pool, growth->device, growth->force, metadata, err);
		if (joined <= 0)
			return joined;
	}
	if (pool->config.size && !growth->device) {
		if (!size)
			size = size_for(&thin_of(pool)->layout, metadata, pool->config.size);
		if (grow_file(pool, size / MIB * MIB, err) < 0)
			return -err->code;
	}
	return thin_enlarge(pool, metadata, err) < 0 ? -err->code : joined;
}

static int check_growth(const struct pool *pool, const struct pool_growth *growth, struct err *err)
{
	bool file = pool->config.size > 0;

	if (growth->device && growth->size)
		return err_set(err, EINVAL,
			       "another disk and a size of the loop file are two things; do one "
			       "after the other");
	if (file && !growth->size && !growth->metadata && !growth->device)
		return err_set(err, EINVAL,
			       "its size is that of a loop file; give the new one, --size, or "
			       "another disk: --device");
	if (!file && growth->size)
		return err_set(err, EINVAL,
			       "it uses the whole of its device; enlarge the device first, or "
			       "give another disk: --device");
	if (growth->metadata / DM_SECTOR > DM_POOL_METADATA_MAX)
		return thin_layout_grow(&thin_of(pool)->layout, (uint64_t[THIN_DISKS]){ 0 },
					growth->metadata / DM_SECTOR, err);
	return 0;
}

struct sizes {
	uint64_t sectors[THIN_DISKS];
	unsigned count;
};

static int note_size(void *context, const struct pool_disk *disk)
{
	struct sizes *sizes = context;

	if (sizes->count < THIN_DISKS)
		sizes->sectors[sizes->count++] = disk->size / DM_SECTOR;
	return 0;
}

/*
 * Whether the disks have more than the label and the kernel know. This only looks, because a full pool is looked at
 * again and again: udev examines a disk after it was open for writing, and reloading a table makes all writes wait and
 * restarts their deadline.
 */
static bool has_gained(struct pool *pool, const struct dm_pool_status *status)
{
	const struct thin_layout *is = &thin_of(pool)->layout;
	struct thin_layout grown = *is;
	struct sizes sizes = { 0 };
	struct err ignored = { 0 };

	if (thin_each_disk(pool, note_size, &sizes, &ignored) < 0 ||
	    thin_layout_grow(&grown, sizes.sectors, 0, &ignored) < 0)
		return true;
	uint64_t metadata = thin_extents_size(&grown.metadata);
	return thin_extents_size(&grown.data) != status->data_total * grown.block ||
	       metadata / DM_POOL_METADATA_UNIT != status->metadata_total ||
	       metadata != thin_extents_size(&is->metadata) ||
	       thin_extents_size(&grown.data) != thin_extents_size(&is->data);
}

int thin_grow(struct pool *pool, const struct pool_growth *growth, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	const struct thin_layout *layout = &thin_of(pool)->layout;

	if (check_growth(pool, growth, err) < 0 || enter(pool, &session, err) < 0 ||
	    thin_look(pool, err) < 0)
		return -err->code;
	if (!growth->size && (!growth->metadata || growth->itself) && !growth->device &&
	    !has_gained(pool, &session.status))
		return 0;
	uint64_t before = session.status.data_total;
	int joined = enlarge(pool, growth, growth->metadata / DM_SECTOR, err);
	if (joined < 0 || thin_fill(pool, &layout->metadata, err) < 0)
		return -err->code;
	fault_point("thin-grown-label");
	if (thin_extend(pool, err) < 0 || thin_recover(pool, &session, err) < 0)
		return -err->code;
	if (joined > 0 && session.status.data_total == before)
		return err_set(err, EEXIST, "'%s' is a disk of the pool already", growth->device);
	return 0;
}
