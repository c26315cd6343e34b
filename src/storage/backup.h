/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copy of what a host knows of a pool, in the pool itself: its settings, and those of its machines and
 * templates, for the day on which the host is installed anew. As text: records of a kind, a name and bytes.
 * A thin pool has them outside of its volumes (thin/thin_backup_area.c), any other in a file beside them.
 */
#ifndef BERTH_STORAGE_BACKUP_H
#define BERTH_STORAGE_BACKUP_H

#include "base/text.h"
#include "storage/storage.h"

/* A record's head, its bytes and a newline. */
int backup_add(struct text *text, const char *kind, const char *name, const void *bytes,
	       size_t length);

/* The record of the pool itself: its pool.conf. */
int backup_add_pool(struct text *text, const struct pool *pool, struct err *err);

/*
 * Calls visit for each record, bytes being followed by a NUL; stops at nonzero and returns it. Who has
 * written them is not trusted: -EUCLEAN, after the records that are whole.
 */
int backup_each(const struct text *text, pool_backup_visit *visit, void *context);

/* As file in the folder of the volumes; nothing is written when it says the same. */
int backup_write(int folder_fd, const struct text *text, struct err *err);
/* Appended. -ENOENT: there is none. Quiet. */
int backup_read(int folder_fd, struct text *text);
/* 0 also when there is none. Quiet. */
int backup_remove(int folder_fd);

#endif
