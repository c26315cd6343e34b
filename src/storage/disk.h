/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A btrfs of its own for a pool: on a loop file or on a whole block device. */
#ifndef BERTH_STORAGE_DISK_H
#define BERTH_STORAGE_DISK_H

#include "storage/storage.h"

struct loop;

/* Path of an administrator's program, which may be in a folder that a user's PATH leaves out; the
 * caller owns it; NULL: not installed. */
char *disk_find_program(const char *name);

/*
 * Makes the loop file config.source in that folder, for format, of config.size bytes (or disk_share); a file of the
 * user's that consists of holes is taken. Calls pool_intend. Returns a descriptor that the caller owns, or -code.
 */
int disk_make_file(struct pool *pool, const char *folder, struct err *err);

/* Limits usage of a pool on a sparse loop file to what the file system under the file has free. */
void disk_limit_usage(const struct pool *pool, struct pool_usage *usage);

/* Finds the loop device of the pool's file, or makes one. */
int disk_serve(const struct pool *pool, struct loop *loop, struct err *err);

/* Path of mkfs.btrfs, which may be in a folder that a user's PATH leaves out; NULL: not installed. */
const char *disk_mkfs_program(void);

/*
 * The size of a loop file where no size was asked for: half of what is free at that folder, which
 * may not be there yet. -ENOSPC when that is less than a GiB.
 */
int disk_share(const char *folder, uint64_t *share, struct err *err);

/*
 * Makes config.source (a file, sparse, of config.size bytes or a share; or a block device that
 * holds nothing) a btrfs whose UUID is the pool's, and attaches it. Fills in config.size of a file.
 */
int disk_format(struct pool *pool, struct err *err);

/*
 * Opens the pool's handle, after attaching a loop device and a mount at run/pools/NAME if a reboot,
 * or anybody, took them away.
 */
int disk_open(struct pool *pool, struct err *err);

/* The same under the pool's lock, which disk_open takes. */
int disk_open_locked(struct pool *pool, struct err *err);

/* The same without a test whether it is attached, under the pool's lock. */
int disk_attach(struct pool *pool, const char *mount_path, struct err *err);

/* Makes a detached mount of the pool's file system, after a check that it is the pool's. */
int disk_mount_source(const struct pool *pool, struct err *err);

/* Names the volumes of a mounted pool. If it is not mounted: 0, or an error if it cannot be. */
int disk_scan(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
	      struct err *err);

/* Detaches the pool. Refused, without any change, while the file system is mounted anywhere else. */
int disk_detach(struct pool *pool, struct err *err);

/* The UUID of the btrfs there. -ENOENT: there is none, or no such file. */
int disk_identify(const char *path, char uuid[37]);

/*
 * Appends the backup of a pool's settings from the btrfs of that UUID at path. -ENOENT without a sentence: it has none,
 * and seems to belong to no pool.
 */
int disk_backup_read(const char *path, const char *uuid, struct text *kept, struct err *err);

/* Sets config.source to path, and config.size to the size there. */
int disk_set_source(struct pool *pool, const char *path, struct err *err);

/*
 * Moves the pool to the btrfs at path: attaches it there, then updates pool.conf. Under the pool's lock, while nobody
 * uses it.
 */
int disk_move(struct pool *pool, const char *path, struct err *err);

/* Removes the file, or the superblocks on the device. Fine if format had made only part of them. */
int disk_erase(struct pool *pool, struct err *err);

/*
 * Enlarges an open pool, under its lock: a loop file to growth->size, a device pool to the size that the device has
 * now. Changes pool.conf last; can be repeated after a kill.
 */
int disk_grow(struct pool *pool, const struct pool_growth *growth, struct err *err);

/* Usage of the pool; total is less if the file system under a sparse loop file has less room. */
int disk_usage(struct pool *pool, struct pool_usage *usage, struct err *err);

#endif
