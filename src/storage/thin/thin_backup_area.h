/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a thin pool keeps of itself on its first disk, for the files of driver `thin` that write and read it. */
#ifndef BERTH_STORAGE_THIN_BOOKS_H
#define BERTH_STORAGE_THIN_BOOKS_H

#include "storage/thin/thin.h"

/*
 * Two copies, of which one is written over: whatever happens meanwhile, the other is whole. Nothing is
 * written when the newer one says the same. 0; -ENOSPC when the text is too long; -errno.
 */
int thin_backup_area_write(int fd, const struct thin_layout *layout, const struct text *text);

/* The newer one, appended. -ENOENT when there is none that is whole. */
int thin_backup_area_read(int fd, const struct thin_layout *layout, struct text *text);

#endif
