/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes in the making or in removal. Their names begin with "partial."; beside each there is a
 * file run/partial/POOL/NAME that its maker keeps locked for as long as it lives, so that anybody
 * can tell what a killed command has left behind without a look at the volumes.
 */
#ifndef BERTH_STORAGE_PARTIAL_H
#define BERTH_STORAGE_PARTIAL_H

#include "storage/storage.h"

struct partial {
	char name[VOLUME_NAME_MAX + 1]; /* of the volume */
	char *marker;                   /* owned; path of the locked file, NULL for none */
	int fd;                         /* owned; the lock */
};

/* A new name for what will become, or was, that volume. */
int partial_begin(struct pool *pool, const char *volume, struct partial *partial, struct err *err);

/* The same for a volume that is removed: nobody makes anything of what has such a name. */
int partial_begin_removal(struct pool *pool, const char *volume, struct partial *partial,
			  struct err *err);

/* Nothing has that name any longer. */
void partial_end(struct partial *partial);

/* Destroys the volume of that name, and ends. One that cannot be destroyed now is left to partial_clear. */
void partial_abandon(struct pool *pool, struct partial *partial);

/* Leaves the volume of that name to pool_free_all, which whoever changes the pool next begins. */
void partial_leave(struct partial *partial);

/*
 * For who frees: the lock of what a dead maker left, or what was removed. 0, or -errno: it is somebody's. A name
 * that a living maker has without a marker is never given.
 */
int partial_claim(const struct pool *pool, const char *name, struct partial *partial);

/*
 * Destroys what dead makers left, apart from what is left to be freed in pieces. Costs one empty folder's reading; after a reboot, when there are
 * no such files, all volumes are looked through once.
 */
int partial_clear(struct pool *pool, struct err *err);

#endif
