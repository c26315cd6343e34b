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
 * The loop file config.source in that folder, for format: a new one, or a hollow one of the user's, of
 * config.size (or a share) bytes, after pool_intend. A descriptor that the caller owns, or -code.
 */
int disk_make_file(struct pool *pool, const char *folder, struct err *err);

/* A sparse loop file can hold no more than the file system below it has left. */
void disk_limit_usage(const struct pool *pool, struct pool_usage *usage);

/* The loop device of the pool's file: one that serves it already, or else a new one. */
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

/* The same without a look whether it is attached, under the pool's lock. */
int disk_attach(struct pool *pool, const char *mount_path, struct err *err);

/* A detached mount of the pool's file system, once it is sure that it is the pool's. */
int disk_mount_source(const struct pool *pool, struct err *err);

/* Of one that is mounted; of one that is not, 0, or why it cannot be. */
int disk_survey(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		struct err *err);

/* Refused, and all as before, while the file system is mounted anywhere else. */
int disk_detach(struct pool *pool, struct err *err);

/* The UUID of the btrfs there. -ENOENT: there is none, or no such file. */
int disk_identify(const char *path, char uuid[37]);

/*
 * What the btrfs of that UUID at path has for a copy of a pool's settings, appended. -ENOENT, without words:
 * it has none, and is no pool's as far as anybody can tell.
 */
int disk_backup_read(const char *path, const char *uuid, struct text *kept, struct err *err);

/* config.source is path from now on, and config.size what fits it. */
int disk_set_source(struct pool *pool, const char *path, struct err *err);

/*
 * Under the pool's lock, with nobody in it: its btrfs is at path from now on, where it is attached before
 * pool.conf is told.
 */
int disk_move(struct pool *pool, const char *path, struct err *err);

/* The file is removed, the device's superblocks are. Fine when half of it was never made. */
int disk_erase(struct pool *pool, struct err *err);

/*
 * Of an open pool, under its lock: a loop file to growth->size, a device to what it has by now; pool.conf is
 * changed last. Can be called again after a kill.
 */
int disk_grow(struct pool *pool, const struct pool_growth *growth, struct err *err);

/* Less, if the disk below a sparse loop file would be full before. */
int disk_usage(struct pool *pool, struct pool_usage *usage, struct err *err);

#endif
