/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/protection.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum { PROTECTIVE = FS_IMMUTABLE_FL | FS_APPEND_FL };

int protection_open(int dir_fd, const char *name)
{
	scoped_fd int look = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statx st;
	char path[32];

	if (look < 0 || statx(look, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0)
		return -errno;
	if (!S_ISREG(st.stx_mode) && !S_ISDIR(st.stx_mode))
		return -EMEDIUMTYPE;
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return -EXDEV;
	snprintf(path, sizeof path, "/proc/self/fd/%d", look);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int protection_clear(int fd)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return errno == ENOTTY || errno == EOPNOTSUPP ? 0 : -errno;
	int had = flags & PROTECTIVE;
	flags &= ~PROTECTIVE;
	return had && ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : had;
}

int protection_set(int fd, int flags)
{
	int now = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
		return errno == ENOTTY ? -EOPNOTSUPP : -errno;
	now |= flags & PROTECTIVE;
	if (ioctl(fd, FS_IOC_SETFLAGS, &now) < 0)
		return errno == ENOTTY ? -EOPNOTSUPP : -errno;
	return 0;
}

int protection_of(const struct statx *st)
{
	return (st->stx_attributes & STATX_ATTR_IMMUTABLE ? FS_IMMUTABLE_FL : 0) |
	       (st->stx_attributes & STATX_ATTR_APPEND ? FS_APPEND_FL : 0);
}
