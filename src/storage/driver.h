/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the storage layer keeps to itself: the drivers, and what they share. */
#ifndef BERTH_STORAGE_DRIVER_H
#define BERTH_STORAGE_DRIVER_H

#include "storage/storage.h"

extern const struct storage_ops storage_btrfs;
extern const struct storage_ops storage_dir;
extern const struct storage_ops storage_thin;

enum { POOL_WAIT_SECONDS = 60 };

/* The beginnings of names of volumes in the making or in removal: partial.h. */
#define PARTIAL_PREFIX  "partial."
#define PARTIAL_REMOVED PARTIAL_PREFIX "removed."
/* The volume that keeps room for who has to write when the pool is full: pool_space.c. */
#define RESERVE_VOLUME "reserve.room"

/* For a driver that has no such op: a sentence, -EOPNOTSUPP. */
int storage_no_resize(struct pool *pool, const char *volume, uint64_t size, struct err *err);

/* The driver of that name, or NULL. */
const struct storage_ops *storage_find(const char *name);

/* Fills err with "doing: why", the why in words that fit a pool. Returns code, which is -errno. */
int storage_fail(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The path of a file in the pool's folder; the caller owns it; NULL: out of memory. */
char *pool_path(const struct pool *pool, const char *name);

/* A new one; the caller owns it. */
int pool_draw_uuid(char **out, struct err *err);

/*
 * For format, before it changes anything outside the pool's folder: writes config down, so that a
 * creation that is killed from here on is undone by erase.
 */
int pool_intend(struct pool *pool, struct err *err);

/* The lock "pool.NAME", for attaching. A descriptor or -code. */
int pool_lock(const struct pool *pool, struct err *err);

/* "no pool of that name" with the remedy. Returns -ENOENT. */
int pool_missing(const char *name, struct err *err);

/* NULL for a volume's name that may be, else what is wrong with it: the end of "name 'X' ...". */
const char *volume_name_fault(const char *name);

/* Whether a volume is one of a list as the op `unused` gets. */
bool volume_is_among(const char *volume, const char *const *volumes);

/* Nine tenths of its space are used, as far as its driver can tell. */
bool pool_is_full(struct pool *pool);

/* Whether it is the name of a volume in the making or in removal. */
bool partial_is(const char *volume);
bool partial_is_removed(const char *volume);

#endif
