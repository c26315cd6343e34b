/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that the pool_*.c files share: the lock on a pool's folder, and reading its settings. */
#ifndef BERTH_STORAGE_POOL_H
#define BERTH_STORAGE_POOL_H

#include "storage/driver.h"

/* Makes a handle with name, folder, and default settings. */
int pool_name(struct pool *pool, const struct dirs *dirs, const char *name, struct err *err);

/*
 * Locks the pool's folder. All that have a pool open share this lock, so that they do not wait for each other; a
 * command that deletes or detaches the pool takes it exclusively. how: LOCK_SH or LOCK_EX.
 */
int pool_lock_use(struct pool *pool, int how, unsigned seconds, struct err *err);

/* Reads settings from that file in its folder, and finds the driver. */
int pool_load(struct pool *pool, const char *file, struct err *err);

/* The three above, one after the other. */
int pool_open_held(struct pool *pool, const struct dirs *dirs, const char *name, int how,
		   struct err *err);
/* The same with a shared lock. 1: it is open, but not attached. */
int pool_open_attached(struct pool *pool, const struct dirs *dirs, const char *name,
		       struct err *err);

/* Attaches the pool if a reboot detached it, and removes what killed commands left. */
int pool_attach(struct pool *pool, struct err *err);

#endif
