/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pieces that the files of pools share: a pool's folder held, its settings read. */
#ifndef BERTH_STORAGE_POOL_H
#define BERTH_STORAGE_POOL_H

#include "storage/driver.h"

/* A handle that knows its name and folder, with all settings as they are by default. */
int pool_name(struct pool *pool, const struct site *site, const char *name, struct err *err);

/*
 * Everybody who has a pool open shares a lock on its folder, so that commands do not wait for each
 * other; who takes the pool away must have it alone. how: LOCK_SH or LOCK_EX.
 */
int pool_lock_use(struct pool *pool, int how, unsigned seconds, struct err *err);

/* Settings and driver, from that file of its folder. */
int pool_load(struct pool *pool, const char *file, struct err *err);

/* The three above, one after the other. */
int pool_open_held(struct pool *pool, const struct site *site, const char *name, int how,
		   struct err *err);

/* What a reboot took away is there again, what dead commands left is not. */
int pool_attach(struct pool *pool, struct err *err);

#endif
