/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/mount.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

int mount_clone(int dir_fd, const char *path, int recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT |
			 (recursive ? AT_RECURSIVE : 0) | (*path ? 0 : AT_EMPTY_PATH);
	int fd = open_tree(dir_fd, path, flags);

	return fd < 0 ? -errno : fd;
}

static int set_options(int fs_fd, const char *options)
{
	scoped_free char *copy = strdup(options);
	char *rest = copy;

	if (!copy)
		return -ENOMEM;
	for (char *option; (option = strsep(&rest, ","));) {
		char *value = strchr(option, '=');
		if (value)
			*value++ = '\0';
		if (fsconfig(fs_fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value,
			     0) < 0)
			return -errno;
	}
	return 0;
}

int mount_make(const char *type, const char *source, const char *options, uint64_t attributes)
{
	scoped_fd int fs_fd = fsopen(type, FSOPEN_CLOEXEC);

	if (fs_fd < 0)
		return -errno;
	if (source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -errno;
	int r = options ? set_options(fs_fd, options) : 0;
	if (r < 0)
		return r;
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attributes);
	return fd < 0 ? -errno : fd;
}

int mount_options(int mount_fd, const char *options)
{
	scoped_fd int fs_fd = fspick(mount_fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);

	if (fs_fd < 0)
		return -errno;
	int r = set_options(fs_fd, options);
	if (r < 0)
		return r;
	return fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 ? -errno : 0;
}

static int set_attributes(int mount_fd, struct mount_attr *attr, int recursive)
{
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	return mount_setattr(mount_fd, "", flags, attr, sizeof *attr) < 0 ? -errno : 0;
}

int mount_attributes(int mount_fd, uint64_t set, uint64_t clear, int recursive)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

	return set_attributes(mount_fd, &attr, recursive);
}

int mount_private(int mount_fd)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	return set_attributes(mount_fd, &attr, 0);
}

int mount_idmap(int mount_fd, int userns_fd)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns_fd,
	};

	return set_attributes(mount_fd, &attr, 0);
}

int mount_attach(int mount_fd, int dir_fd, const char *path)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);

	return move_mount(mount_fd, "", dir_fd, path, flags) < 0 ? -errno : 0;
}

const char *mount_idmap_why(int code)
{
	switch (code < 0 ? -code : code) {
	case EINVAL:
		return "the pool's file system cannot (ext4, btrfs, xfs and, from Linux 6.3 on, "
		       "tmpfs can)";
	case EPERM:
		return "this is a machine itself, where only a file system that was mounted inside "
		       "can: use a pool on a tmpfs, or security.privileged=yes for the machine";
	default:
		return mount_why(code);
	}
}

const char *mount_why(int code)
{
	switch (code < 0 ? -code : code) {
	case ENOSPC:
		return "too many mounts (fs.mount-max)";
	case ENODEV:
		return "the kernel has no such file system";
	case ENOTBLK:
		return "a block device was expected";
	case EINVAL:
		return "the kernel or the file system does not support it";
	case ENOSYS:
		return "the kernel is too old for this mount interface (5.12 is needed)";
	default:
		return strerror(code < 0 ? -code : code);
	}
}

void mount_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned c;
		if (*from == '\\' && sscanf(from + 1, "%3o", &c) == 1) {
			*to = (char)c;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}
