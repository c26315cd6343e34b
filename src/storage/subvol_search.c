/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/subvol_search.h"

#include "storage/subvol.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <sys/ioctl.h>

enum { FOUND_ROOM = 16384, LARGE_ITEMS = 50000 };

union found {
	struct btrfs_ioctl_search_args_v2 args;
	char room[sizeof(struct btrfs_ioctl_search_args_v2) + FOUND_ROOM];
};

/* The next search begins behind that item. */
static void step(struct btrfs_ioctl_search_key *key, const struct btrfs_ioctl_search_header *last)
{
	key->min_objectid = last->objectid;
	key->min_type = last->type;
	key->min_offset = last->offset + 1;
	if (key->min_offset == 0 && ++key->min_type > UINT8_MAX) {
		key->min_type = 0;
		key->min_objectid++;
	}
	key->nr_items = UINT32_MAX;
}

static int visit_found(const union found *found, struct btrfs_ioctl_search_header *header,
		       subvol_visit *visit, void *context)
{
	const char *at = found->room + sizeof found->args;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < found->args.key.nr_items; i++) {
		memcpy(header, at, sizeof *header);
		at += sizeof *header;
		r = visit(context, header, at);
		at += header->len;
	}
	return r;
}

/* Visits all items between two keys. */
static int search(int fd, struct btrfs_ioctl_search_key key, subvol_visit *visit, void *context)
{
	struct btrfs_ioctl_search_header last = { 0 };
	int r = 0;

	key.nr_items = UINT32_MAX;
	while (r == 0) {
		union found found = { .args = { .key = key, .buf_size = FOUND_ROOM } };
		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, &found) < 0)
			return -errno;
		if (found.args.key.nr_items == 0)
			return 0;
		r = visit_found(&found, &last, visit, context);
		step(&key, &last);
	}
	return r;
}

int subvol_id(int fd, uint64_t *id)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return -errno;
	*id = info.treeid;
	return 0;
}

int subvol_each_nested(int fd, uint64_t id, subvol_visit *visit, void *context)
{
	const struct btrfs_ioctl_search_key key = {
		.tree_id = BTRFS_ROOT_TREE_OBJECTID,
		.min_objectid = id,
		.max_objectid = id,
		.min_type = BTRFS_ROOT_REF_KEY,
		.max_type = BTRFS_ROOT_REF_KEY,
		.max_offset = UINT64_MAX,
		.max_transid = UINT64_MAX,
	};

	return search(fd, key, visit, context);
}

int subvol_each_quota(int fd, uint64_t object, uint8_t type, const uint64_t *offset,
		      subvol_visit *visit, void *context)
{
	const struct btrfs_ioctl_search_key key = {
		.tree_id = BTRFS_QUOTA_TREE_OBJECTID,
		.min_objectid = object,
		.max_objectid = object,
		.min_type = type,
		.max_type = type,
		.min_offset = offset ? *offset : 0,
		.max_offset = offset ? *offset : UINT64_MAX,
		.max_transid = UINT64_MAX,
	};

	return search(fd, key, visit, context);
}

int subvol_each_item(int fd, uint64_t id, subvol_visit *visit, void *context)
{
	const struct btrfs_ioctl_search_key key = {
		.tree_id = id,
		.max_objectid = UINT64_MAX,
		.max_type = UINT32_MAX,
		.max_offset = UINT64_MAX,
		.max_transid = UINT64_MAX,
	};

	return search(fd, key, visit, context);
}

static int stop_at_first(void *context, const struct btrfs_ioctl_search_header *header,
			 const char *item)
{
	(void)context, (void)header, (void)item;
	return 1;
}

bool subvol_nests(int fd)
{
	uint64_t id = 0;

	return subvol_id(fd, &id) == 0 && subvol_each_nested(fd, id, stop_at_first, NULL) == 1;
}

/* ---- How much of its own a subvolume has */

static int count_item(void *context, const struct btrfs_ioctl_search_header *header,
		      const char *item)
{
	unsigned *count = context;

	(void)header, (void)item;
	return ++*count >= LARGE_ITEMS;
}

/*
 * Counts the leaves that were written since the subvolume was made. For a snapshot these are the leaves since the
 * transaction that made it, in which its origin may have written too.
 */
bool subvol_is_large(int fd)
{
	static const uint8_t none[BTRFS_UUID_SIZE];
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };
	unsigned count = 0;

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return false;
	bool snapshot = memcmp(info.parent_uuid, none, sizeof none) != 0;
	const struct btrfs_ioctl_search_key key = {
		.tree_id = info.treeid,
		.max_objectid = UINT64_MAX,
		.max_type = UINT32_MAX,
		.max_offset = UINT64_MAX,
		.min_transid = snapshot ? info.otransid + 1 : 0,
		.max_transid = UINT64_MAX,
	};
	return search(fd, key, count_item, &count) == 1;
}

static int is_child(void *context, const struct btrfs_ioctl_search_header *header, const char *item)
{
	struct btrfs_root_item root;

	if (header->type != BTRFS_ROOT_ITEM_KEY || header->len < sizeof root)
		return 0;
	memcpy(&root, item, sizeof root);
	return root.refs && memcmp(root.parent_uuid, context, sizeof root.parent_uuid) == 0;
}

bool subvol_is_origin(int fd)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };
	const struct btrfs_ioctl_search_key key = {
		.tree_id = BTRFS_ROOT_TREE_OBJECTID,
		.min_objectid = BTRFS_FIRST_FREE_OBJECTID,
		.max_objectid = BTRFS_LAST_FREE_OBJECTID,
		.min_type = BTRFS_ROOT_ITEM_KEY,
		.max_type = BTRFS_ROOT_ITEM_KEY,
		.max_offset = UINT64_MAX,
		.max_transid = UINT64_MAX,
	};

	return ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) == 0 &&
	       search(fd, key, is_child, info.uuid) == 1;
}
