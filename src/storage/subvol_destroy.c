/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A subvolume can be removed once nothing is nested in it: all that is goes first, the innermost before the others. */
#include "storage/subvol.h"
#include "storage/subvol_search.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <stdlib.h>
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

static int add_nested(void *context, const struct btrfs_ioctl_search_header *header,
		      const char *item)
{
	(void)item;
	return add_id(context, header->offset);
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
	/* The call takes ids, because a path may be longer than any call takes. */
	int r = subvol_each_nested(fd, top, add_nested, ids);

	for (size_t i = 0; r == 0 && i < ids->count; i++)
		r = subvol_each_nested(fd, ids->list[i], add_nested, ids);
	/* A nested subvolume stands behind the one that it is nested in. */
	for (size_t i = ids->count; r == 0 && i-- > 0;)
		r = destroy_id(fd, ids->list[i]);
	return r;
}

int subvol_destroy_nested(int fd)
{
	struct ids ids = { 0 };
	uint64_t id = 0;

	int r = subvol_id(fd, &id);
	if (r < 0)
		return r;
	r = destroy_all(fd, &ids, id);
	free(ids.list);
	ids = (struct ids){ 0 };
	if (r == -EROFS && subvol_make_writable(fd, 0) == 0) {
		r = destroy_all(fd, &ids, id);
		free(ids.list);
	}
	return r;
}
