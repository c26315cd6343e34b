/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/below.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	/* No disk that a pool lies on is written faster. */
	FASTEST = 1000 << 10, /* bytes a millisecond */
	PAUSE_MIN = 250,
	PAUSE_MAX = 300000,
	LEAST_PART = 20,
	LEAST_MAX = 256 << 20, /* what is written between two looks */
};

int below_look(const char *path, struct below *below)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	uint64_t size = (uint64_t)st.st_size, has = (uint64_t)st.st_blocks * 512;
	*below = (struct below){
		.size = size,
		.holes = size > has ? size - has : 0,
		.spare = (uint64_t)fs.f_bavail * fs.f_frsize,
	};
	return 0;
}

uint64_t below_limit(const struct below *below, uint64_t total, uint64_t used)
{
	uint64_t missing = below->holes > below->spare ? below->holes - below->spare : 0;

	if (total <= used || missing == 0)
		return total;
	return total - used > missing ? total - missing : used;
}

uint64_t below_least(uint64_t total)
{
	return total / LEAST_PART < LEAST_MAX ? total / LEAST_PART : LEAST_MAX;
}

int below_pause(const struct below *below)
{
	uint64_t pause = below->spare / 2 / FASTEST;

	if (below->holes == 0)
		return -1;
	return pause < PAUSE_MIN ? PAUSE_MIN : pause > PAUSE_MAX ? PAUSE_MAX : (int)pause;
}
