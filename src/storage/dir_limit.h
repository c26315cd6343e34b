/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of the volumes of driver dir, by project quotas. Each volume that is made while its file system counts
 * projects gets a project id of its own. The id stands at the volume's root, and the limit in the file system's quotas.
 */
#ifndef BERTH_STORAGE_DIR_LIMIT_H
#define BERTH_STORAGE_DIR_LIMIT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* The project of a volume. */
struct dir_limit {
	bool counted;   /* the kernel counts what the volume uses */
	uint64_t limit; /* bytes that it may use; 0: no limit is enforced */
	uint64_t used;  /* bytes */
};

/* Whether the file system counts what projects use. Quiet. */
bool dir_limit_counts(int fd);

/* Gives the root of a new volume, which is empty, an id that nothing else uses; without one it has no limit. Quiet. */
void dir_limit_begin(int folder, int root);

/* Checks that volumes in the pool's folder, whose path is given, can be limited; else the error has the remedy. */
int dir_limit_check(int folder, const char *path, struct err *err);

/* Limits what the volume may use; 0: no longer. Durable. -EINVAL: it uses more already; -ENODATA: it has no id. */
int dir_limit_set(int root, uint64_t bytes, struct err *err);

/* Quiet; all is 0 if nothing is counted. */
void dir_limit_look(int root, struct dir_limit *limit);

/* Removes the limit of a volume that is being removed, so that its id is free again. Quiet. */
void dir_limit_forget(int root);

#endif
