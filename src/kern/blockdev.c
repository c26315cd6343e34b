/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/blockdev.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The disk below a btrfs, whose own device numbers belong to no device. */
static int device_of_btrfs(int fd, dev_t *device)
{
	struct btrfs_ioctl_fs_info_args all = { 0 };
	struct btrfs_ioctl_dev_info_args one = { 0 };
	struct stat st;

	/* The other descriptor may be an O_PATH one. */
	scoped_fd int own = openat(fd, ".", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (own < 0)
		return -errno;
	if (ioctl(own, BTRFS_IOC_FS_INFO, &all) < 0)
		return errno == ENOTTY ? -ENODEV : -errno;
	if (all.num_devices != 1)
		return -ENOTUNIQ;
	one.devid = all.max_id;
	if (ioctl(own, BTRFS_IOC_DEV_INFO, &one) < 0 || stat((const char *)one.path, &st) < 0)
		return -errno;
	*device = st.st_rdev;
	return S_ISBLK(st.st_mode) ? 0 : -ENODEV;
}

/* A partition's folder in sysfs lies in its disk's. */
static int whole(dev_t device, dev_t *disk)
{
	scoped_free char *text = NULL;
	unsigned major_number, minor_number;
	char path[96];

	*disk = device;
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(device), minor(device));
	if (access(path, F_OK) < 0)
		return 0;
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/../dev", major(device), minor(device));
	int r = file_read(AT_FDCWD, path, 64, &text);
	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return -EPROTO;
	*disk = makedev(major_number, minor_number);
	return 0;
}

int blockdev_of(int fd, dev_t *disk)
{
	struct stat st;
	dev_t device;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	device = st.st_dev;
	if (major(device) == 0)
		r = device_of_btrfs(fd, &device);
	return r < 0 ? r : whole(device, disk);
}

/* The owner, from the prefix that each program gives to the uuids of its device-mapper devices. */
static const char *kind_of_mapper(const char *uuid)
{
	static const char *const known[][2] = {
		{ "mpath-", "multipath" },
		{ "LVM-", "lvm" },
		{ "CRYPT-", "crypt" },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strncmp(uuid, known[i][0], strlen(known[i][0])) == 0)
			return known[i][1];
	}
	return "dm";
}

/* One of the kinds, by the folders of the device itself. */
static void kind_of(dev_t device, char *out, size_t room)
{
	static const char *const folders[] = { "md", "loop", "partition" };
	scoped_free char *uuid = NULL;
	const char *kind = "disk";
	char path[96];

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(device), minor(device));
	if (access(path, F_OK) < 0)
		kind = "";
	for (size_t i = 0; *kind && i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s", major(device), minor(device),
			 folders[i]);
		if (access(path, F_OK) == 0)
			kind = folders[i];
	}
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/dm/uuid", major(device), minor(device));
	if (file_read(AT_FDCWD, path, 256, &uuid) >= 0)
		kind = kind_of_mapper(uuid);
	snprintf(out, room, "%s", kind);
}

void blockdev_kind(dev_t device, char *out, size_t room)
{
	char below[BLOCKDEV_KIND_MAX + 1];
	dev_t disk;

	kind_of(device, out, room);
	if (strcmp(out, "partition") != 0 || whole(device, &disk) < 0)
		return;
	/* The parts of an array may show the same partition. */
	kind_of(disk, below, sizeof below);
	if (strcmp(below, "md") == 0)
		snprintf(out, room, "%s", below);
}

bool blockdev_idle_array(char *name, size_t room)
{
	scoped_dir DIR *dir = opendir("/sys/block");
	bool idle = false;

	for (struct dirent *e; !idle && dir && (e = readdir(dir));) {
		scoped_free char *path = text_format("/sys/block/%s/md/array_state", e->d_name);
		scoped_free char *state = NULL;
		idle = path && file_read(AT_FDCWD, path, 64, &state) > 0 &&
		       strcmp(text_trim(state), "inactive") == 0 &&
		       text_print(name, room, "%s", e->d_name) >= 0;
	}
	return idle;
}
