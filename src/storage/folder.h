/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both drivers of folders share: a folder that a pool owns, and the volumes below it. */
#ifndef BERTH_STORAGE_FOLDER_H
#define BERTH_STORAGE_FOLDER_H

#include "storage/storage.h"

/* The pool's handle: the folder whose entries are the volumes; -1 while it is not open. */
int folder_fd(const struct pool *pool);
int folder_keep(struct pool *pool, int fd, struct err *err); /* takes fd, also when it fails */
void folder_close(struct pool *pool);

/*
 * For format: pool->config.source is, or becomes, an empty folder of mode 0700, so that no user of
 * the host can run a guest's set-user-id program, and is marked as this pool's. pool_intend is
 * called in between. Opens the handle.
 */
int folder_format(struct pool *pool, struct err *err);

/* Opens config.source and looks for the mark: a disk that is not mounted shows an empty folder. */
int folder_open(struct pool *pool, struct err *err);

/* Takes the mark away, and the folder if the pool's own folder holds it. Fine if it is gone. */
int folder_erase(struct pool *pool, struct err *err);

/* The UUID in the mark of the folder there. -ENOENT, -ENOTDIR: it is no pool's, or no folder. Quiet. */
int folder_identify(const char *path, char uuid[37]);

/* The copy of a pool's settings that is in it, appended. -ENOENT, without words: there is none. */
int folder_backup_read(const char *path, struct text *kept, struct err *err);

/* The pool whose uuid that folder's mark has is in it from now on; opens the handle. */
int folder_take(struct pool *pool, const char *path, struct err *err);

/* The same of one that is known here: pool.conf is told. Refused while its own folder is there too. */
int folder_move(struct pool *pool, const char *path, struct err *err);

/* Names of what may be volumes in the open folder, for survey: 1, or -code. */
int folder_names(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		 struct err *err);
/* folder_open and folder_names: the survey of a pool in a folder. */
int folder_survey(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		  struct err *err);

int folder_usage(struct pool *pool, struct pool_usage *usage, struct err *err);

/* The op `unused`: nothing is mounted in them, which would not go, and which is not to be removed. */
int folder_unused(struct pool *pool, const char *const *volumes, struct err *err);

/* Makes names durable. 0 or -errno. */
int folder_sync(const struct pool *pool);

/* A detached, private mount of the folder that fd is, with exactly these attributes. */
int folder_mount(int fd, uint64_t attributes, int *mount_fd, struct err *err);

/*
 * Calls info for every entry with a volume's name that begins with prefix, and visit with what it
 * found; entries that turn out to be none (-ENOENT) are passed over.
 */
int folder_list(struct pool *pool, const char *prefix,
		int (*visit)(void *, const struct volume_info *), void *context, struct err *err);

#endif
