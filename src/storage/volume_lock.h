/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks on volumes, for all drivers: shared for readers, exclusive for a change or removal. */
#ifndef BERTH_STORAGE_VOLUME_LOCK_H
#define BERTH_STORAGE_VOLUME_LOCK_H

#include "storage/storage.h"

/*
 * Locks a volume until volume_lock_release or the end of the process. VOLUME_LOCK_READ: shared with other readers.
 * VOLUME_LOCK_CHANGE: exclusive. Locks belong to the process: a reader may go on to change. Waits half a minute for its
 * turn; then -EBUSY with a sentence. Volumes in the making need no lock.
 */
int volume_lock_take(struct pool *pool, const char *volume, enum volume_lock_mode how,
		     struct err *err);
void volume_lock_release(struct pool *pool, const char *volume);

/* Gives up a handle's share of the locks; called by pool_close. */
void volume_locks_close(struct pool *pool);

/* Removes the lock file of a deleted pool. */
void volume_locks_forget(struct pool *pool);

#endif
