/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup of a thin pool's catalogue and settings on its disk; the first two functions are those of
 * storage_maintenance.
 */
#ifndef BERTH_STORAGE_THIN_KEEP_H
#define BERTH_STORAGE_THIN_KEEP_H

#include "storage/thin/thin.h"

int thin_backup_write(struct pool *pool, const struct text *files, struct err *err);
int thin_backup_read(const char *path, struct text *out, struct err *err);
/* Makes a new catalogue at path from the valid rows of a backup. */
int thin_catalog_restore(const struct text *backup, const char *path, const char *uuid,
			 struct err *err);

#endif
