/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enlargement of a pool's btrfs: its loop file, the loop device, and the file system, in that order. */
#include "base/scoped.h"
#include "kern/loop.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/folder.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { MIB = 1 << 20 };

static int check_growth(const struct pool *pool, const struct pool_growth *growth, struct err *err)
{
	char has[32];

	if (growth->device || growth->metadata)
		return err_set(
			err, EOPNOTSUPP,
			"driver btrfs takes no further disk, and has no metadata of its own; "
			"give the new size of its loop file: --size");
	if (!pool->config.size && growth->size)
		return err_set(err, EINVAL,
			       "it uses the whole of its device; enlarge the device first");
	if (!pool->config.size)
		return 0;
	text_human_size(pool->config.size, has, sizeof has);
	if (!growth->size)
		return err_set(err, EINVAL,
			       "its size is that of a loop file, %s; give the new one: --size",
			       has);
	if (growth->size / MIB * MIB < pool->config.size)
		return err_set(err, EINVAL,
			       "its loop file has %s already, and cannot be made smaller", has);
	return 0;
}

/* Refused before anything is changed: a file larger than the disk below is of no use. */
static int check_room(int fd, uint64_t more, struct err *err)
{
	struct statvfs fs;
	char wanted[32], left[32];

	if (fstatvfs(fd, &fs) < 0)
		return err_set(err, errno, "read the free space under it: %s", strerror(errno));
	uint64_t bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (more <= bytes)
		return 0;
	text_human_size(more, wanted, sizeof wanted);
	text_human_size(bytes, left, sizeof left);
	return err_set(err, ENOSPC,
		       "%s more do not fit: the file system that its loop file is on has only %s "
		       "left",
		       wanted, left);
}

static int grow_file(const struct pool *pool, uint64_t size, struct err *err)
{
	const char *path = pool->config.source;
	scoped_loop struct loop loop = { .fd = -1 };
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open its loop file '%s': %s", path, strerror(errno));
	/* A killed call may have done this part. */
	if ((uint64_t)st.st_size < size && check_room(fd, size - (uint64_t)st.st_size, err) < 0)
		return -err->code;
	if ((uint64_t)st.st_size < size && (ftruncate(fd, (off_t)size) < 0 || fsync(fd) < 0))
		return err_set(err, errno, "enlarge '%s': %s", path, strerror(errno));
	int r = loop_find(fd, &loop);
	if (r == 0)
		r = loop_set_capacity(&loop);
	return r < 0 ? err_set(err, -r, "enlarge the loop device of '%s': %s", path, loop_why(r))
		     : 0;
}

static int resize(struct pool *pool, struct err *err)
{
	struct btrfs_ioctl_vol_args args = { .name = "max" };

	if (ioctl(folder_fd(pool), BTRFS_IOC_RESIZE, &args) < 0)
		return err_set(err, errno, "enlarge its btrfs: %s",
			       errno == EINPROGRESS
				       ? "another btrfs command is at work on it; try again later"
				       : strerror(errno));
	return 0;
}

int disk_grow(struct pool *pool, const struct pool_growth *growth, struct err *err)
{
	scoped_free char *conf = text_format("%s/pool.conf", pool->folder);
	uint64_t size = growth->size / MIB * MIB;

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	if (check_growth(pool, growth, err) < 0 ||
	    (pool->config.size && grow_file(pool, size, err) < 0) || resize(pool, err) < 0)
		return -err->code;
	if (!pool->config.size)
		return 0;
	/* Last: a file larger than this size does no harm, a smaller one is refused. */
	pool->config.size = size;
	return config_record(&pool_schema, conf, &pool->config,
			     (const char *const[]){ "size", NULL }, err);
}
