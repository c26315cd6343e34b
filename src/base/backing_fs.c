/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/backing_fs.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	/* The speed of the fastest disk that a pool may lie on. */
	FASTEST = 1000 << 10, /* bytes a millisecond */
	PAUSE_MIN = 250,
	PAUSE_MAX = 300000,
	LEAST_PART = 20,
	LEAST_MAX = 256 << 20, /* bytes that may be written between two looks */
};

int backing_fs_look(const char *path, struct backing_fs *backing)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	uint64_t size = (uint64_t)st.st_size, has = (uint64_t)st.st_blocks * 512;
	*backing = (struct backing_fs){
		.size = size,
		.holes = size > has ? size - has : 0,
		.free = (uint64_t)fs.f_bavail * fs.f_frsize,
	};
	return 0;
}

uint64_t backing_fs_limit(const struct backing_fs *backing, uint64_t total, uint64_t used)
{
	uint64_t missing = backing->holes > backing->free ? backing->holes - backing->free : 0;

	if (total <= used || missing == 0)
		return total;
	return total - used > missing ? total - missing : used;
}

uint64_t backing_fs_least(uint64_t total)
{
	return total / LEAST_PART < LEAST_MAX ? total / LEAST_PART : LEAST_MAX;
}

int backing_fs_pause(const struct backing_fs *backing)
{
	uint64_t pause = backing->free / 2 / FASTEST;

	if (backing->holes == 0)
		return -1;
	return pause < PAUSE_MIN ? PAUSE_MIN : pause > PAUSE_MAX ? PAUSE_MAX : (int)pause;
}
