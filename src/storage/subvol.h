/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations of btrfs on subvolumes, by its ioctls. All quiet: 0 or -errno. */
#ifndef BERTH_STORAGE_SUBVOL_H
#define BERTH_STORAGE_SUBVOL_H

#include <stdbool.h>
#include <stdint.h>

struct extents;

/* Folders are descriptors opened for reading (not O_PATH); names have no slash. */

/* Whether the file fd is on a btrfs. */
bool subvol_supported(int fd);

/* The same for a path that may not exist yet: looks at the nearest existing folder above it. */
bool subvol_supported_at(const char *path);

/* Opens an existing subvolume: -ENOENT also when something else has that name. */
int subvol_open(int folder_fd, const char *name);

/* Makes an empty subvolume of root's with mode 0755. Atomic. -EEXIST. */
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

/* Whether other subvolumes are nested in it; one system call. */
bool subvol_nests(int fd);

/*
 * Whether so much was written to it since it was made (50,000 items of its tree, about 10,000 files) that the kernel,
 * which frees it in few transactions, would block other writers for long. What it shares with its origin does not
 * count.
 */
bool subvol_is_large(int fd);

/* Whether there is a snapshot of it, with which it shares blocks. */
bool subvol_is_origin(int fd);

/*
 * subvol_snapshot of the subvolume and of all that are nested in it, each at its place, and read-only if its origin is.
 * Not atomic: use a name that nobody takes for a finished volume. -ELOOP: nested too deeply; -ENAMETOOLONG: a path of
 * more than 4 KiB.
 */
int subvol_snapshot_all(int folder_fd, int origin_fd, const char *name);

/* Clears the read-only flag of all nested subvolumes, since nothing can be removed from a read-only one; depth: 0. */
int subvol_make_writable(int fd, unsigned depth);

/*
 * Adds the extents of files in it and in nested subvolumes, by searching their trees; opens no file. Inline extents and
 * the trees themselves do not count. -ELOOP: nested too deeply.
 */
int subvol_usage(int fd, struct extents *extents);

/* Counts from now on what is written to each subvolume of this file system. -EOPNOTSUPP: needs Linux 6.7. */
int subvol_quota_enable(int fd);
bool subvol_quota_is_simple(int fd);

/*
 * Limits the bytes of subvolume id and of the subvolumes nested in it; 0: no limit. The limit is on disk when this
 * returns. fd is of the file system, outside of that subvolume, which may be full. -ENOTCONN: there are no quotas.
 */
int subvol_limit(int fd, uint64_t id, uint64_t bytes);
/* That, and what has been written and not removed, as of the last commit. Zeros: it has no limit. */
int subvol_limit_look(int fd, uint64_t id, uint64_t *limit, uint64_t *used);
/* Removes the limit, also of a subvolume that is gone. */
int subvol_limit_forget(int fd, uint64_t id);

/*
 * Waits until the changes so far to names and subvolumes in that folder are on disk, and with them those to all other
 * subvolumes; file data are not included. Does nothing if the folder has not changed. The kernel frees what was removed
 * within half a minute.
 */
int subvol_commit(int folder_fd);

/*
 * Waits until all changes so far to the file system are on disk, with the data of all files, which may be much. The
 * kernel then frees what was removed at once.
 */
int subvol_sync(int fd);

/* Seconds since the epoch. */
int subvol_created(int fd, uint64_t *seconds);

/* The file system's UUID in its text form. */
int subvol_filesystem(int fd, char uuid[37]);

#endif
