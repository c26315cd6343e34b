/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/tree_usage.h"

#include "base/file.h"
#include "base/scoped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 400 };

static int walk(int fd, struct extents *extents, unsigned depth);

/* Inodes of files with several names, which are counted once. */
static int add_one(int dir_fd, const char *name, struct extents *extents, unsigned depth)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	uint64_t bytes = (uint64_t)st.st_blocks * 512;
	if (S_ISDIR(st.st_mode) || st.st_nlink == 1)
		extents->used += bytes;
	else if (bytes > 0) {
		int r = extents_add(extents, st.st_ino, bytes);
		if (r < 0)
			return r;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	scoped_fd int fd = file_open_below(dir_fd, name);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EXDEV ? 0 : fd;
	return walk(fd, extents, depth + 1);
}

static int walk(int fd, struct extents *extents, unsigned depth)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = own < 0 ? NULL : fdopendir(own);
	int r = 0;

	if (!dir) {
		r = -errno;
		scoped_close_fd(&own);
		return r;
	}
	if (depth > DEPTH_MAX)
		return -ELOOP;
	if (extents_is_late(extents))
		return -ETIME;
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = add_one(fd, e->d_name, extents, depth);
	}
	return r;
}

int tree_usage(int fd, struct extents *extents)
{
	return walk(fd, extents, 0);
}
