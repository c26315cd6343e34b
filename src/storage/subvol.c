/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/subvol.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

bool subvol_supported(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

bool subvol_supported_at(const char *path)
{
	scoped_free char *at = strdup(path);

	while (at) {
		scoped_fd int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return subvol_supported(fd);
		char *slash = strrchr(at, '/');
		if (errno != ENOENT || !slash || slash == at)
			return false;
		*slash = '\0';
	}
	return false;
}

int subvol_open(int folder_fd, const char *name)
{
	scoped_fd int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != BTRFS_FIRST_FREE_OBJECTID || !subvol_supported(fd))
		return -ENOENT;
	return take_fd(&fd);
}

static int name_args(struct btrfs_ioctl_vol_args_v2 *args, const char *name)
{
	size_t length = strlen(name);

	if (length > BTRFS_SUBVOL_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(args->name, name, length + 1);
	return 0;
}

int subvol_create(int folder_fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };

	int r = name_args(&args, name);
	if (r < 0)
		return r;
	/* The mode comes from the mask; to set it afterwards would be a second step. */
	mode_t mask = umask(022);
	r = ioctl(folder_fd, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno : 0;
	umask(mask);
	return r;
}

int subvol_snapshot(int folder_fd, int origin_fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = origin_fd };

	int r = name_args(&args, name);
	if (r < 0)
		return r;
	return ioctl(folder_fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

int subvol_destroy(int folder_fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };

	int r = name_args(&args, name);
	if (r < 0)
		return r;
	return ioctl(folder_fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) < 0 ? -errno : 0;
}

/*
 * The kernel does not log the change of a subvolume's name, so the fsync commits the transaction, in this process.
 * BTRFS_IOC_START_SYNC leaves the commit to a thread of the file system. A wake-up that comes while this thread is
 * about to sleep is lost, and the commit comes half a minute later (Linux 6.18).
 */
int subvol_commit(int folder_fd)
{
	return fsync(folder_fd) < 0 ? -errno : 0;
}

int subvol_sync(int fd)
{
	return ioctl(fd, BTRFS_IOC_SYNC, NULL) < 0 ? -errno : 0;
}

int subvol_created(int fd, uint64_t *seconds)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return -errno;
	*seconds = info.otime.sec;
	return 0;
}

int subvol_filesystem(int fd, char uuid[37])
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	char *at = uuid;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0)
		return -errno;
	for (int i = 0; i < BTRFS_UUID_SIZE; i++)
		at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      info.fsid[i]);
	return 0;
}
