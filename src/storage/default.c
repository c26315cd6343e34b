/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The default driver of a new pool, and the reason for it. */
#include "base/scoped.h"
#include "kern/dm.h"
#include "kern/idmap.h"
#include "storage/disk.h"
#include "storage/storage.h"
#include "storage/subvol.h"

#include <string.h>
#include <sys/mount.h>

/* The question loads the module, if there is one. */
static bool kernel_has_btrfs(void)
{
	scoped_fd int fd = fsopen("btrfs", FSOPEN_CLOEXEC);

	return fd >= 0;
}

static const char *plain(const char *because, char *why, size_t room)
{
	snprintf(why, room,
		 "a clone is a copy, which shares the data only where the file system can: %s",
		 because);
	return "dir";
}

/* Whether volumes can be thin devices here; the question loads the module, if there is one. */
static bool kernel_has_thin(void)
{
	scoped_dm struct dm dm = { .fd = -1 };
	unsigned version[3];

	return dm_open(&dm) == 0 && dm_target_version(&dm, "thin-pool", version) == 0;
}

/* why: a sentence about the loop file; false: there can be none. */
static bool thin_fits(const struct dirs *dirs, char *why, size_t room)
{
	scoped_free char *mkfs = disk_find_program("mkfs.ext4");
	struct err err = { 0 };
	uint64_t bytes;
	char size[32];

	if (!mkfs || access("/dev/loop-control", F_OK) < 0 || !kernel_has_thin())
		return false;
	if (disk_share(dirs->state, &bytes, &err) < 0)
		return false;
	text_human_size(bytes, size, sizeof size);
	snprintf(why, room,
		 "the kernel has thin pools: clones take milliseconds and share data; a loop file "
		 "of %s, half of what is free at '%s', which takes only what is used",
		 size, dirs->state);
	return true;
}

const char *pool_default_driver(const struct dirs *dirs, char *why, size_t room)
{
	/* The default ids of berth.conf, which every host has. */
	uint64_t base = 1879048192, count = 1, bytes;
	struct err err = { 0 };
	char size[32];

	if (thin_fits(dirs, why, room))
		return "thin";
	if (idmap_fit(&base, &count) != 0)
		return plain("this is a machine itself, which can do no more", why, room);
	if (subvol_supported_at(dirs->state)) {
		snprintf(why, room, "'%s' is on btrfs: clones take milliseconds and share data",
			 dirs->state);
		return "btrfs";
	}
	if (!kernel_has_btrfs())
		return plain("the kernel has no btrfs", why, room);
	if (!disk_mkfs_program())
		return plain("mkfs.btrfs is not installed (package btrfs-progs)", why, room);
	if (access("/dev/loop-control", F_OK) < 0)
		return plain("the kernel has no loop devices", why, room);
	if (disk_share(dirs->state, &bytes, &err) < 0)
		return plain(err.text, why, room);
	text_human_size(bytes, size, sizeof size);
	snprintf(why, room,
		 "clones take milliseconds and share data; a loop file of %s, half of what is free "
		 "at '%s', which takes only what is used",
		 size, dirs->state);
	return "btrfs";
}
