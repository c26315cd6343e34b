/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk usage of a subvolume, by the items of its tree. */
#include "storage/extents.h"
#include "storage/subvol.h"
#include "storage/subvol_search.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs_tree.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

static int add_item(void *context, const struct btrfs_ioctl_search_header *header, const char *item)
{
	struct btrfs_file_extent_item extent;

	if (extents_is_late(context))
		return -ETIME;
	if (header->type != BTRFS_EXTENT_DATA_KEY || header->len < sizeof extent)
		return 0;
	memcpy(&extent, item, sizeof extent);
	/* A hole is at no place. */
	if (extent.type == BTRFS_FILE_EXTENT_INLINE || extent.disk_bytenr == 0)
		return 0;
	return extents_add(context, le64toh(extent.disk_bytenr), le64toh(extent.disk_num_bytes));
}

struct nest {
	int fd;
	unsigned depth;
	struct extents *extents;
};

static int add_tree(const struct nest *nest, uint64_t id);

static int add_nested(void *context, const struct btrfs_ioctl_search_header *header,
		      const char *item)
{
	struct nest inner = *(const struct nest *)context;

	(void)item;
	if (++inner.depth > DEPTH_MAX)
		return -ELOOP;
	return add_tree(&inner, header->offset);
}

static int add_tree(const struct nest *nest, uint64_t id)
{
	int r = subvol_each_item(nest->fd, id, add_item, nest->extents);

	if (r == -ENOENT) /* removed meanwhile */
		return 0;
	return r < 0 ? r : subvol_each_nested(nest->fd, id, add_nested, (void *)(uintptr_t)nest);
}

int subvol_usage(int fd, struct extents *extents)
{
	const struct nest nest = { .fd = fd, .extents = extents };
	uint64_t id = 0;
	int r = subvol_id(fd, &id);

	return r < 0 ? r : add_tree(&nest, id);
}
