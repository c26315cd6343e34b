/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part that both drivers of folders share: a folder that a pool owns, and the volumes below it. */
#ifndef BERTH_STORAGE_FOLDER_H
#define BERTH_STORAGE_FOLDER_H

#include "storage/storage.h"

/* The descriptor of the folder whose entries are the volumes; -1 while the pool is not open. */
int folder_fd(const struct pool *pool);
int folder_keep(struct pool *pool, int fd, struct err *err); /* takes fd, also when it fails */
void folder_close(struct pool *pool);

/*
 * Makes config.source an empty folder of mode 0700, so that no user of the host can run a guest's set-user-id program,
 * calls pool_intend, and marks the folder as this pool's. Opens the handle. For format.
 */
int folder_format(struct pool *pool, struct err *err);

/* Opens config.source and looks for the mark: a disk that is not mounted shows an empty folder. */
int folder_open(struct pool *pool, struct err *err);

/* Removes the mark, and the folder too if it is inside the pool's own folder. Fine if it is gone. */
int folder_erase(struct pool *pool, struct err *err);

/* Reads the UUID from the mark in the folder. -ENOENT or -ENOTDIR: not a pool's folder, or no folder. Quiet. */
int folder_identify(const char *path, char uuid[37]);

/* Appends the backup of settings in the folder. -ENOENT without a sentence: there is none. */
int folder_backup_read(const char *path, struct text *kept, struct err *err);

/* Makes path the folder of the pool whose UUID its mark has, and opens the handle. */
int folder_take(struct pool *pool, const char *path, struct err *err);

/* The same for a pool that is known here: updates pool.conf. Refused while its old folder exists too. */
int folder_move(struct pool *pool, const char *path, struct err *err);

/* Calls visit with each name in the open folder that may be a volume. 1, or -code. For scan. */
int folder_names(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		 struct err *err);
/* folder_open and folder_names: the scan of a pool in a folder. */
int folder_scan(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		struct err *err);

int folder_usage(struct pool *pool, struct pool_usage *usage, struct err *err);

/*
 * The op `unused`: fails if a file system is mounted inside one of the volumes, since it could not be removed and must
 * not be.
 */
int folder_unused(struct pool *pool, const char *const *volumes, struct err *err);

/* fsync of the folder of volumes. 0 or -errno. */
int folder_sync(const struct pool *pool);

/* Makes a detached, private mount of the folder fd, with exactly these attributes. */
int folder_mount(int fd, uint64_t attributes, int *mount_fd, struct err *err);

/*
 * Calls info for every entry with a volume's name that begins with prefix, and visit with what it
 * found; entries that turn out to be none (-ENOENT) are passed over.
 */
int folder_list(struct pool *pool, const char *prefix,
		int (*visit)(void *, const struct volume_info *), void *context, struct err *err);

#endif
