/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backup area on the first disk of a thin pool. For the files of driver `thin`. */
#ifndef BERTH_STORAGE_THIN_BOOKS_H
#define BERTH_STORAGE_THIN_BOOKS_H

#include "storage/thin/thin.h"

/*
 * Writes the backup over the older of two copies, so that the other stays intact. Writes nothing if the newer one is
 * the same. 0; -ENOSPC: the text is too long; -errno.
 */
int thin_backup_area_write(int fd, const struct thin_layout *layout, const struct text *text);

/* Appends the newer intact copy to text. -ENOENT: there is none. */
int thin_backup_area_read(int fd, const struct thin_layout *layout, struct text *text);

#endif
