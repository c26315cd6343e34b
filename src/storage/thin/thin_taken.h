/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts the blocks that volumes have allocated in a thin pool, from metadata that the kernel is writing at the same
 * time.
 */
#ifndef BERTH_STORAGE_THIN_TAKEN_H
#define BERTH_STORAGE_THIN_TAKEN_H

#include "storage/storage.h"

/* The function of storage_maintenance. */
void thin_taken(struct pool *pool, struct volume_taken *const *list, size_t count);

/*
 * The same for metadata in fd, in blocks of 4 KiB; `until`: clock_ms() at which counting ends and the rest is unknown.
 */
void thin_taken_of(int fd, struct volume_taken *const *list, size_t count, int64_t until);

#endif
