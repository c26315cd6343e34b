/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sparse file, which takes blocks only as they are written, and the file system that must have those blocks then. */
#ifndef BERTH_BASE_BACKING_FS_H
#define BERTH_BASE_BACKING_FS_H

#include <stdint.h>

/* Figures in bytes. */
struct backing_fs {
	uint64_t size;  /* of the file */
	uint64_t holes; /* of the file, without blocks yet; 0: it is not sparse */
	uint64_t free;  /* in the file system, for unprivileged processes */
};

/* Reads the three figures. 0 or -errno; -EINVAL: not a regular file. */
int backing_fs_look(const char *path, struct backing_fs *backing);

/*
 * How many bytes a pool in that file can use, of its `total`: fewer if the file system is full before the holes are
 * filled, but never fewer than `used`. Pure.
 */
uint64_t backing_fs_limit(const struct backing_fs *backing, uint64_t total, uint64_t used);

/*
 * How many bytes must stay free for the pool to go on writing, for a pool of `total` bytes: other programs write to the
 * same file system. Pure.
 */
uint64_t backing_fs_least(uint64_t total);

/*
 * Milliseconds until the next look, since the kernel does not report a file system that fills up: less than the time in
 * which half of the free space can be written, at most a few minutes. -1: no look is needed. Pure.
 */
int backing_fs_pause(const struct backing_fs *backing);

#endif
