/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes in the making or in removal. Their names begin with "partial.". For each, its maker keeps the file
 * run/partial/POOL/NAME locked for as long as it lives, so that others can see which ones a killed command left without
 * looking at the volumes.
 */
#ifndef BERTH_STORAGE_PARTIAL_H
#define BERTH_STORAGE_PARTIAL_H

#include "storage/storage.h"

struct partial {
	char name[VOLUME_NAME_MAX + 1]; /* of the volume */
	char *marker;                   /* owned; path of the locked file, or NULL */
	int fd;                         /* owned; the lock */
};

/* Makes a new partial name for a volume that will be made. */
int partial_begin(struct pool *pool, const char *volume, struct partial *partial, struct err *err);

/* The same for a volume in removal; nothing is ever made from such a name. */
int partial_begin_removal(struct pool *pool, const char *volume, struct partial *partial,
			  struct err *err);

/* Gives up the name, after the volume was renamed or removed. */
void partial_end(struct partial *partial);

/*
 * Destroys the volume of that name and gives up the name. If it cannot be destroyed now, partial_clear does so later.
 */
void partial_abandon(struct pool *pool, struct partial *partial);

/* Leaves the volume of that name to pool_free_all, which the next command that changes the pool starts. */
void partial_leave(struct partial *partial);

/*
 * Takes the lock of a name whose maker is dead, or of a volume in removal, so that the caller may free it. 0; or
 * -errno: somebody owns it.
 */
int partial_claim(const struct pool *pool, const char *name, struct partial *partial);

/*
 * Destroys the volumes that dead makers left, but not those in removal, which are freed in pieces. Normally costs
 * reading one empty folder; after a reboot, when the marker files are gone, all names of volumes are looked through
 * once.
 */
int partial_clear(struct pool *pool, struct err *err);

#endif
