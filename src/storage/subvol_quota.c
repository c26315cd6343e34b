/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of subvolumes, by simple quotas, which count for a subvolume what was written to it. A subvolume's limit is
 * that of a group of its own, of level 1 and with its id as the number: what a guest nests in it becomes a member by
 * itself, and would have a count of its own in a group of level 0. Quotas of the older kind lack that.
 */
#include "storage/subvol.h"
#include "storage/subvol_search.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs_tree.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* This value came with Linux 6.7; the headers may be older. */
enum { ENABLE_SIMPLE = 4 };

static uint64_t group_of(uint64_t id)
{
	return 1ULL << BTRFS_QGROUP_LEVEL_SHIFT | id;
}

int subvol_quota_enable(int fd)
{
	struct btrfs_ioctl_quota_ctl_args args = { .cmd = ENABLE_SIMPLE };

	if (ioctl(fd, BTRFS_IOC_QUOTA_CTL, &args) < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	return 0;
}

bool subvol_quota_is_simple(int fd)
{
	char uuid[37];
	scoped_free char *mode = NULL;

	if (subvol_filesystem(fd, uuid) < 0)
		return false;
	scoped_free char *path = text_format("/sys/fs/btrfs/%s/qgroups/mode", uuid);
	return path && file_read(AT_FDCWD, path, 64, &mode) > 0 &&
	       strcmp(text_trim(mode), "squota") == 0;
}

/* ---- Members */

static int change_member(int fd, bool add, uint64_t id, uint64_t group)
{
	struct btrfs_ioctl_qgroup_assign_args args = { .assign = add, .src = id, .dst = group };

	if (ioctl(fd, BTRFS_IOC_QGROUP_ASSIGN, &args) < 0 && errno != (add ? EEXIST : ENOENT))
		return -errno;
	return 0;
}

struct adding {
	int fd;
	uint64_t group;
	unsigned depth;
};

enum { DEPTH_MAX = 32 };

static int add_nested(void *context, const struct btrfs_ioctl_search_header *header,
		      const char *item)
{
	const struct adding *adding = context;
	struct adding deeper = { adding->fd, adding->group, adding->depth + 1 };
	int r = change_member(adding->fd, true, header->offset, adding->group);

	(void)item;
	if (r == 0 && deeper.depth >= DEPTH_MAX)
		r = -ELOOP;
	return r < 0 ? r : subvol_each_nested(adding->fd, header->offset, add_nested, &deeper);
}

static int ensure_group(int fd, uint64_t id)
{
	struct btrfs_ioctl_qgroup_create_args args = { .create = 1, .qgroupid = group_of(id) };
	struct adding adding = { .fd = fd, .group = group_of(id) };

	if (ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) < 0 && errno != EEXIST)
		return -errno;
	int r = change_member(fd, true, id, group_of(id));
	return r < 0 ? r : subvol_each_nested(fd, id, add_nested, &adding);
}

struct members {
	uint64_t *list; /* owned */
	size_t count;
};

static int note_member(void *context, const struct btrfs_ioctl_search_header *header,
		       const char *item)
{
	struct members *members = context;
	uint64_t *list = realloc(members->list, (members->count + 1) * sizeof *list);

	(void)item;
	if (!list)
		return -ENOMEM;
	members->list = list;
	list[members->count++] = header->offset;
	return 0;
}

int subvol_limit_forget(int fd, uint64_t id)
{
	struct btrfs_ioctl_qgroup_create_args args = { .qgroupid = group_of(id) };
	struct members members = { 0 };
	int r = subvol_each_quota(fd, group_of(id), BTRFS_QGROUP_RELATION_KEY, NULL, note_member,
				  &members);

	for (size_t i = 0; r == 0 && i < members.count; i++)
		r = change_member(fd, false, members.list[i], group_of(id));
	free(members.list);
	if (r == 0 && ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) < 0)
		r = -errno;
	/* There was no limit, or there are no quotas any more. */
	return r == -ENOENT || r == -ENOTCONN ? 0 : r;
}

/* ---- The limit */

int subvol_limit(int fd, uint64_t id, uint64_t bytes)
{
	int r = bytes ? ensure_group(fd, id) : subvol_limit_forget(fd, id);

	if (r < 0 || bytes == 0)
		return r;
	struct btrfs_ioctl_qgroup_limit_args args = {
		.qgroupid = group_of(id),
		.lim = { .flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = bytes },
	};
	if (ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) < 0)
		return -errno;
	/* A limit is in no folder, so that no fsync commits it. */
	return subvol_sync(fd);
}

struct figures {
	uint64_t limit, used;
};

static int read_figures(void *context, const struct btrfs_ioctl_search_header *header,
			const char *item)
{
	struct figures *figures = context;
	struct btrfs_qgroup_info_item info;
	struct btrfs_qgroup_limit_item limit;

	if (header->type == BTRFS_QGROUP_INFO_KEY && header->len >= sizeof info) {
		memcpy(&info, item, sizeof info);
		figures->used = le64toh(info.rfer);
	} else if (header->type == BTRFS_QGROUP_LIMIT_KEY && header->len >= sizeof limit) {
		memcpy(&limit, item, sizeof limit);
		if (le64toh(limit.flags) & BTRFS_QGROUP_LIMIT_MAX_RFER)
			figures->limit = le64toh(limit.max_rfer);
	}
	return 1;
}

int subvol_limit_look(int fd, uint64_t id, uint64_t *limit, uint64_t *used)
{
	struct figures figures = { 0 };
	uint64_t group = group_of(id);

	int r = subvol_each_quota(fd, 0, BTRFS_QGROUP_LIMIT_KEY, &group, read_figures, &figures);
	if (r > 0)
		r = subvol_each_quota(fd, 0, BTRFS_QGROUP_INFO_KEY, &group, read_figures, &figures);
	*limit = figures.limit;
	*used = figures.used;
	return r < 0 && r != -ENOENT ? r : 0;
}
