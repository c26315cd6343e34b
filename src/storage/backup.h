/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backup of a pool's settings, and of the settings of its machines and templates, in the pool itself: for a host
 * that was installed anew. Text, made of records with a kind, a name, and bytes. A thin pool has its backup outside of
 * its volumes (thin/thin_backup_area.c), any other in the file .berth-books beside them.
 */
#ifndef BERTH_STORAGE_BACKUP_H
#define BERTH_STORAGE_BACKUP_H

#include "base/text.h"
#include "storage/storage.h"

/* Adds a record: head, bytes, newline. 0 or -ENOMEM. */
int backup_add(struct text *text, const char *kind, const char *name, const void *bytes,
	       size_t length);

/* Adds the record of the pool: its pool.conf. */
int backup_add_pool(struct text *text, const struct pool *pool, struct err *err);

/*
 * Calls visit for each record, whose bytes are followed by a NUL; stops at nonzero and returns it. The text is not
 * trusted: -EUCLEAN after the undamaged records.
 */
int backup_each(const struct text *text, pool_backup_visit *visit, void *context);

/* Replaces the backup file in the folder of the volumes; writes nothing if the text is the same. */
int backup_write(int folder_fd, const struct text *text, struct err *err);
/* Appends the backup to text. -ENOENT: there is none. Quiet. */
int backup_read(int folder_fd, struct text *text);
/* Removes the backup file; 0 also if there is none. Quiet. */
int backup_remove(int folder_fd);

#endif
