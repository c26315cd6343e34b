/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: read whole, replace atomically, make folders, lock, walk into a tree safely. */
#ifndef BERTH_BASE_FILE_H
#define BERTH_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Reads a whole file of at most max bytes into a NUL-terminated string that the caller owns; dir_fd as in openat(2).
 * Also for /proc and /sys. Returns the length, or -errno: -EFBIG for a larger file; -EMEDIUMTYPE for a FIFO, socket or
 * device, on which it never blocks.
 */
ssize_t file_read(int dir_fd, const char *path, size_t max, char **out);

/* The same for an open file, from its current offset. */
ssize_t file_read_opened(int fd, size_t max, char **out);

/*
 * Opens a regular file for reading, with further flags of openat(2); never blocks. -EISDIR or -EMEDIUMTYPE for anything
 * else.
 */
int file_open_regular(int dir_fd, const char *path, int flags);

/* strerror(3) for a -errno, with its own text for -EMEDIUMTYPE. */
const char *file_why(int code);

/*
 * Whether a path is a name of an open file of a process, as /dev/stdout and /dev/fd/3 are: what it leads to is written
 * in place, since the name itself cannot become another file.
 */
bool file_is_descriptor(const char *path);

/*
 * Opens a device, a FIFO or a name of an open file to write into it. Never waits: -ENXIO where no process reads from a
 * FIFO. A descriptor, which blocks, or -errno.
 */
int file_open_special(const char *path);

/* A file in memory with a text, to be read from its beginning. A descriptor, or -errno. */
int file_memory(const char *name, const char *text);

/* Writes a short text into an existing file in one write(2), as /proc and /sys want it. 0, -errno. */
int file_write(int dir_fd, const char *path, const char *text);

/*
 * Replaces a file durably: after a power cut either the old or the new contents are there, whole. Writes PATH.new,
 * fsync, rename, fsync of the folder. mode: of the new file.
 */
int file_replace(const char *path, const char *text, size_t length, mode_t mode, struct err *err);

/*
 * Creates a file durably, where one wait for the disk counts: after a power cut during this call the file may be there
 * empty. 0; -EEXIST: there is one, which stays; or -errno, and there is none. Quiet.
 */
int file_create(const char *path, const char *text, size_t length, mode_t mode);

/*
 * Writes all n bytes, after short writes and signals too; at: the offset in the file, -1: the current one. 0, -errno.
 */
int file_write_all(int fd, const char *data, size_t n, off_t at);

/* Whether both are the same file, by device and inode. */
bool file_is_same(const struct stat *one, const struct stat *other);
/* Whether an open file, by its fstat(2), still has that name: it may have been renamed, replaced or removed. */
bool file_has_name(const struct stat *open, int dir_fd, const char *path);

/* Makes a folder and its missing parents; fine if it is there. */
int file_make_dirs(const char *path, mode_t mode, struct err *err);

/* fsync of a folder, so that a name made or removed in it stays so. 0 or -errno. */
int file_sync_dir(const char *path);

enum file_lock_mode {
	FILE_LOCK_TRY,   /* -EWOULDBLOCK at once if another holds it */
	FILE_LOCK_LOOK,  /* the same for a look: shared lock; -ENOENT if the file does not exist */
	FILE_LOCK_SHARE, /* as TRY, shared with others who do */
};

/*
 * Opens (0600, made if missing) and flock(2)s path exclusively: the descriptor is the lock, held
 * until its last copy is closed, so that death lets go of it. Returns it, or -errno.
 */
int file_lock(const char *path, enum file_lock_mode mode);

/*
 * The same, but waits up to `seconds` for its turn, first come, first served; then -EWOULDBLOCK. If the file is
 * replaced meanwhile, the time starts again with the new one.
 */
int file_lock_within(const char *path, unsigned seconds);

/* The same, as a shared lock. */
int file_lock_shared_within(const char *path, unsigned seconds);

/*
 * openat2(2) of path below root_fd; symbolic links are resolved as if root_fd were "/". The only way for host code to
 * walk into a guest's root. A descriptor or -errno.
 */
int file_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/*
 * Opens the folder `name` in fd. -ENOTDIR or -ELOOP if it is something else, -EXDEV if another file system is mounted
 * there: neither a link nor a mount leads out of the tree.
 */
int file_open_below(int fd, const char *name);
/* The same for a path, which may lead to another file system that is mounted there. */
int file_open_within(int fd, const char *path);

/* Replaces an open folder by its parent, which must have that inode number. -ESTALE: the folder was moved. */
int file_climb(int *fd, uint64_t inode);

#endif
