/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searches of the trees of a btrfs, which the kernel makes. All quiet: 0 or -errno. */
#ifndef BERTH_STORAGE_SUBVOL_SEARCH_H
#define BERTH_STORAGE_SUBVOL_SEARCH_H

#include <linux/btrfs.h>
#include <stdint.h>

/* The id of the subvolume that fd is. */
int subvol_id(int fd, uint64_t *id);

/* An item of a tree, of header->len bytes; nonzero ends the search, which returns it. */
typedef int subvol_visit(void *context, const struct btrfs_ioctl_search_header *header,
			 const char *item);

/*
 * The references of subvolume id to those nested directly in it, in the order of their ids: header->offset is
 * such an id, the item a btrfs_root_ref with the name behind it.
 */
int subvol_each_nested(int fd, uint64_t id, subvol_visit *visit, void *context);

/*
 * The items of one type of an object in the tree of quotas, all or the one with that offset. -ENOENT: there are no
 * quotas.
 */
int subvol_each_quota(int fd, uint64_t object, uint8_t type, const uint64_t *offset,
		      subvol_visit *visit, void *context);

/* Visits all items of the tree of subvolume id, in the order of their keys. */
int subvol_each_item(int fd, uint64_t id, subvol_visit *visit, void *context);

#endif
