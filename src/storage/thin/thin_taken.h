/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocks that volumes have taken of a thin pool, read from its metadata while the kernel writes them. */
#ifndef BERTH_STORAGE_THIN_TAKEN_H
#define BERTH_STORAGE_THIN_TAKEN_H

#include "storage/storage.h"

/* As storage_maintenance says. */
void thin_taken(struct pool *pool, struct volume_taken *const *list, size_t count);

/*
 * The same by what fd has, metadata in blocks of 4 KiB; `until`: clock_ms() at which what is not counted by then is
 * unknown.
 */
void thin_taken_of(int fd, struct volume_taken *const *list, size_t count, int64_t until);

#endif
