/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/loop.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { TRIES = 64 };

/* A static /dev has no node for a device that the kernel has just created; sysfs knows its number. */
static int make_node(const char *path, unsigned number)
{
	scoped_free char *sysfs = text_format("/sys/block/loop%u/dev", number);
	scoped_free char *numbers = NULL;
	unsigned major, minor;

	if (!sysfs)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, sysfs, 64, &numbers);
	if (n < 0)
		return (int)n;
	if (sscanf(numbers, "%u:%u", &major, &minor) != 2)
		return -EINVAL;
	if (mknod(path, S_IFBLK | 0600, makedev(major, minor)) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int open_device(unsigned number, int flags, struct loop *loop)
{
	snprintf(loop->path, sizeof loop->path, "/dev/loop%u", number);
	loop->fd = open(loop->path, flags | O_CLOEXEC);
	if (loop->fd < 0 && errno == ENOENT) {
		int r = make_node(loop->path, number);
		if (r < 0)
			return r;
		loop->fd = open(loop->path, flags | O_CLOEXEC);
	}
	return loop->fd < 0 ? -errno : 0;
}

static int configure(unsigned number, const struct loop_config *config, struct loop *out)
{
	scoped_loop struct loop loop = { .fd = -1 };
	struct loop_info64 info = { 0 };
	bool read_only = config->info.lo_flags & LO_FLAGS_READ_ONLY;

	int r = open_device(number, read_only ? O_RDONLY : O_RDWR, &loop);
	if (r < 0)
		return r;
	if (ioctl(loop.fd, LOOP_CONFIGURE, config) < 0 ||
	    ioctl(loop.fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	loop.direct = info.lo_flags & LO_FLAGS_DIRECT_IO;
	*out = loop;
	loop.fd = -1;
	return 0;
}

int loop_attach(int file_fd, unsigned flags, unsigned block_size, struct loop *loop)
{
	scoped_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (unsigned)file_fd, .block_size = block_size };
	char link[32];

	if (control < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	if (flags & LOOP_WITH_AUTOCLEAR)
		config.info.lo_flags |= LO_FLAGS_AUTOCLEAR;
	if (flags & LOOP_WITH_DIRECT)
		config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
	if (flags & LOOP_WITH_READ_ONLY)
		config.info.lo_flags |= LO_FLAGS_READ_ONLY;
	/* The name that losetup(8) shows. */
	snprintf(link, sizeof link, "/proc/self/fd/%d", file_fd);
	if (readlink(link, (char *)config.info.lo_file_name, LO_NAME_SIZE - 1) < 0)
		config.info.lo_file_name[0] = 0;

	/* Between the answer and its use the device may be taken (EBUSY) or removed (ENXIO). */
	for (int i = 0; i < TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			return -errno;
		int r = configure((unsigned)number, &config, loop);
		if (r != -EBUSY && r != -ENXIO)
			return r;
	}
	return -EBUSY;
}

/* Whether the device exists and serves the file; it is open, so that it does not clear meanwhile. */
static bool serves(unsigned number, const struct stat *file, struct loop *out)
{
	scoped_loop struct loop loop = { .fd = -1 };
	struct loop_info64 info = { 0 };

	if (open_device(number, O_RDONLY, &loop) < 0 ||
	    ioctl(loop.fd, LOOP_GET_STATUS64, &info) < 0)
		return false;
	if (info.lo_device != file->st_dev || info.lo_inode != file->st_ino || info.lo_offset != 0)
		return false;
	loop.direct = info.lo_flags & LO_FLAGS_DIRECT_IO;
	*out = loop;
	loop.fd = -1;
	return true;
}

int loop_find(int file_fd, struct loop *loop)
{
	scoped_dir DIR *dir = opendir("/sys/block");
	struct stat file;
	unsigned number;

	if (!dir || fstat(file_fd, &file) < 0)
		return -errno;
	for (struct dirent *e; (e = readdir(dir));) {
		if (sscanf(e->d_name, "loop%u", &number) != 1)
			continue;
		/* Only an attached device has this folder, so the others need not be opened. */
		scoped_free char *attached = text_format("/sys/block/loop%u/loop", number);
		if (!attached)
			return -ENOMEM;
		if (access(attached, F_OK) == 0 && serves(number, &file, loop))
			return 0;
	}
	return -ENOENT;
}

int loop_set_capacity(const struct loop *loop)
{
	return ioctl(loop->fd, LOOP_SET_CAPACITY) < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	scoped_close_fd(&loop->fd);
}

const char *loop_why(int code)
{
	switch (code < 0 ? -code : code) {
	case ENODEV:
		return "the kernel has no loop devices (try: modprobe loop)";
	case EBUSY:
		return "every loop device is taken as soon as it is free";
	case ENOSPC:
		return "there is no free loop device, and the kernel makes no more";
	case EINVAL:
	case ENOTTY:
		return "the kernel is too old (5.8 is needed) or the file cannot be a disk";
	default:
		return strerror(code < 0 ? -code : code);
	}
}
