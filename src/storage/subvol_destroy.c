/* A subvolume can be removed once nothing is nested in it: all that is goes first, the innermost before the others. */
#include "storage/subvol.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct ids {
	uint64_t *list; /* owned */
	size_t count;
};

static int add_id(struct ids *ids, uint64_t id)
{
	uint64_t *more = realloc(ids->list, (ids->count + 1) * sizeof *more);

	if (!more)
		return -ENOMEM;
	ids->list = more;
	ids->list[ids->count++] = id;
	return 0;
}

enum { FOUND_ROOM = 16384 };

union search {
	struct btrfs_ioctl_search_args_v2 args;
	char room[sizeof(struct btrfs_ioctl_search_args_v2) + FOUND_ROOM];
};

static int add_found(const union search *search, struct ids *ids, uint64_t *next)
{
	struct btrfs_ioctl_search_header header;
	const char *at = search->room + sizeof search->args;

	for (uint32_t i = 0; i < search->args.key.nr_items; i++) {
		memcpy(&header, at, sizeof header);
		at += sizeof header + header.len;
		int r = add_id(ids, header.offset);
		if (r < 0)
			return r;
		*next = header.offset + 1;
	}
	return 0;
}

/*
 * Appends the ids of those nested directly in subvolume id: the root tree holds a reference from
 * each to each. By id, since a path may be longer than any call takes.
 */
static int add_nested(int fd, uint64_t id, struct ids *ids)
{
	uint64_t next = 0;

	for (;;) {
		union search search = { .args = {
			.key = {
				.tree_id = BTRFS_ROOT_TREE_OBJECTID,
				.min_objectid = id,
				.max_objectid = id,
				.min_type = BTRFS_ROOT_REF_KEY,
				.max_type = BTRFS_ROOT_REF_KEY,
				.min_offset = next,
				.max_offset = UINT64_MAX,
				.max_transid = UINT64_MAX,
				.nr_items = UINT32_MAX,
			},
			.buf_size = FOUND_ROOM,
		} };

		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, &search) < 0)
			return -errno;
		if (search.args.key.nr_items == 0)
			return 0;
		int r = add_found(&search, ids, &next);
		if (r < 0)
			return r;
	}
}

static int destroy_id(int fd, uint64_t id)
{
	struct btrfs_ioctl_vol_args_v2 args = { .flags = BTRFS_SUBVOL_SPEC_BY_ID, .subvolid = id };

	if (ioctl(fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int destroy_all(int fd, struct ids *ids, uint64_t top)
{
	int r = add_nested(fd, top, ids);

	for (size_t i = 0; r == 0 && i < ids->count; i++)
		r = add_nested(fd, ids->list[i], ids);
	/* What is nested stands behind what it is nested in. */
	for (size_t i = ids->count; r == 0 && i-- > 0;)
		r = destroy_id(fd, ids->list[i]);
	return r;
}

int subvol_destroy_nested(int fd)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };
	struct ids ids = { 0 };

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return -errno;
	int r = destroy_all(fd, &ids, info.treeid);
	free(ids.list);
	ids = (struct ids){ 0 };
	if (r == -EROFS && subvol_make_writable(fd, 0) == 0) {
		r = destroy_all(fd, &ids, info.treeid);
		free(ids.list);
	}
	return r;
}
