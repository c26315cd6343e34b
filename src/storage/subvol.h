/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What btrfs does with subvolumes, by its ioctls. All quiet: 0 or -errno. */
#ifndef BERTH_STORAGE_SUBVOL_H
#define BERTH_STORAGE_SUBVOL_H

#include <stdbool.h>
#include <stdint.h>

struct extents;

/* Folders are descriptors opened for reading (not O_PATH); names have no slash. */

/* Whether the file that fd is of lies on btrfs. */
bool subvol_supported(int fd);

/* The same for a path that may not be there yet: the nearest folder above it that is. */
bool subvol_supported_at(const char *path);

/* Opens an existing subvolume: -ENOENT also when something else has that name. */
int subvol_open(int folder_fd, const char *name);

/* An empty one, root's, 0755. Atomic. -EEXIST. */
int subvol_create(int folder_fd, const char *name);

/*
 * A writable snapshot. Atomic, and on disk when this returns: the kernel commits the transaction
 * that makes it, after writing what the origin has in the page cache (but no other subvolume's).
 */
int subvol_snapshot(int folder_fd, int origin_fd, const char *name);

/*
 * Removes a subvolume; its space is freed in the background. -ENOTEMPTY when others are nested in
 * it. Not on disk before subvol_commit.
 */
int subvol_destroy(int folder_fd, const char *name);

/* Removes every subvolume nested in this one, however deep, innermost first. */
int subvol_destroy_nested(int fd);

/* Whether others are nested in it; one call. */
bool subvol_nests(int fd);

/*
 * Whether so much was written to it since it was made (50,000 items of its tree, which 10,000 files are) that
 * the kernel, which frees all of it at one go, would keep others waiting. What it shares with the
 * subvolume that it is a snapshot of does not count.
 */
bool subvol_is_large(int fd);

/* Whether there is a snapshot of it, which shares what it has. */
bool subvol_is_origin(int fd);

/*
 * subvol_snapshot, and of all that is nested in it, each at its place and read-only if its origin is. Not one
 * stroke: a name that nobody takes for whole yet. -ELOOP: nested too deep; -ENAMETOOLONG: a path
 * of more than 4 KiB.
 */
int subvol_snapshot_all(int folder_fd, int origin_fd, const char *name);

/* Takes the read-only mark off all that is nested in it, since nothing can be removed from what has it; depth: 0. */
int subvol_make_writable(int fd, unsigned depth);

/*
 * Adds the extents of the files in it, and in what is nested in it, by its tree: no file is opened. What is small
 * enough to be in the tree itself, and the tree, are left out. -ELOOP: nested too deep.
 */
int subvol_usage(int fd, struct extents *extents);

/* Waits until what was done to names and subvolumes so far is on disk; not for file data. */
int subvol_commit(int fd);

/* Seconds since the epoch. */
int subvol_created(int fd, uint64_t *seconds);

/* The file system's UUID in its text form. */
int subvol_filesystem(int fd, char uuid[37]);

#endif
