/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the storage layer: its drivers, and what they share. */
#ifndef BERTH_STORAGE_DRIVER_H
#define BERTH_STORAGE_DRIVER_H

#include "storage/maintenance.h"
#include "storage/storage.h"

extern const struct storage_ops storage_btrfs;
extern const struct storage_ops storage_dir;
extern const struct storage_ops storage_thin;

enum { POOL_WAIT_SECONDS = 60 };

/* How names of volumes in the making or in removal begin: partial.h. */
#define PARTIAL_PREFIX  "partial."
#define PARTIAL_REMOVED PARTIAL_PREFIX "removed."
/* The volume that keeps room for writes when the pool is full: pool_space.c. */
#define RESERVE_VOLUME "reserve.room"

/* The driver of that name, or NULL. */
const struct storage_ops *storage_find(const char *name);

/* Sets err to "DOING: WHY", where WHY explains code for a pool. Returns code, a -errno. */
int storage_fail(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The path of a file in the pool's folder; the caller owns it; NULL: out of memory. */
char *pool_path(const struct pool *pool, const char *name);

/* Draws a new UUID as text, which the caller owns. */
int pool_draw_uuid(char **out, struct err *err);

/*
 * Called by format before it changes anything outside the pool's folder: writes config to disk, so that erase can undo
 * a format that is killed later.
 */
int pool_intend(struct pool *pool, struct err *err);

/* Takes the lock "pool.NAME", for attaching. A descriptor, which is the lock, or -code. */
int pool_lock(const struct pool *pool, struct err *err);

/* Sets err to "no pool of that name" with the remedy. Returns -ENOENT. */
int pool_missing(const char *name, struct err *err);

/* NULL for an allowed name of a volume; else its fault, as the end of "name 'X' ...". */
const char *volume_name_fault(const char *name);

/* Whether a volume is in a list as the op `unused` gets it. */
bool volume_is_among(const char *volume, const char *const *volumes);

/* Whether nine tenths of its space are used, as far as its driver can tell. */
bool pool_is_full(struct pool *pool);

/* Whether this is the name of a volume in the making or in removal; in removal. */
bool partial_is(const char *volume);
bool partial_is_removed(const char *volume);

#endif
