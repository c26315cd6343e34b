/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of image servers in a cache, each by its SHA-256 sum: whole ones, and what there is of broken transfers. */
#ifndef BERTH_IMAGE_SOURCE_DOWNLOAD_H
#define BERTH_IMAGE_SOURCE_DOWNLOAD_H

#include "base/dirs.h"
#include "base/err.h"
#include "image/shared/offer.h"
#include "kern/idmap.h"

/* Tells how far a transfer is: bytes there, of how many. */
struct download_watch {
	void (*show)(void *context, uint64_t done, uint64_t size);
	void *context;
};

struct download {
	const struct dirs *dirs;            /* borrowed */
	const char *url;                    /* borrowed: the server's */
	struct idmap map;                   /* of who fetches */
	const struct download_watch *watch; /* borrowed; NULL: nobody looks */
};

/*
 * Fetches a file into the cache, going on with what a broken transfer left, and checks its sum. also (NULL: none) gets
 * the file's bytes. The caller holds the lock of the image. A descriptor to read from, or -code.
 */
int download_file(const struct download *download, const struct offer_file *file,
		  struct sha256 *also, struct err *err);

/* Removes a file from the cache. Quiet. */
void download_forget(const struct dirs *dirs, const struct offer_file *file);
/* Removes what nobody came back for in a week. Quiet. */
void download_sweep(const struct dirs *dirs);

#endif
