/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who reads a volume keeps it as it is; who changes or removes one has it alone. For every driver. */
#ifndef BERTH_STORAGE_VOLUME_LOCK_H
#define BERTH_STORAGE_VOLUME_LOCK_H

#include "storage/storage.h"

/*
 * Holds a volume until volume_lock_release, or until this process ends. VOLUME_LOCK_READ: others may read it too.
 * VOLUME_LOCK_CHANGE: nobody else holds it. Holds belong to the process: one that reads may go on to change. Waits
 * a while for its turn; then -EBUSY with a sentence. What is in the making needs none.
 */
int volume_lock_take(struct pool *pool, const char *volume, enum volume_lock_mode how,
		     struct err *err);
void volume_lock_release(struct pool *pool, const char *volume);

/* For pool_close. */
void volume_locks_close(struct pool *pool);

/* The pool is gone, and nobody holds anything of it. */
void volume_locks_forget(struct pool *pool);

#endif
