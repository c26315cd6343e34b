/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two indexes of a server of simplestreams: streams/v1/index.json names files of products, those have what can be
 * fetched. Both are bytes of a stranger: whatever does not fit is refused, or left out and counted. Runs only inside
 * berth-fetch. No I/O.
 */
#ifndef BERTH_IMAGE_FETCH_STREAMS_H
#define BERTH_IMAGE_FETCH_STREAMS_H

#include "base/err.h"
#include "image/shared/offer.h"

#include <stddef.h>

enum { STREAMS_FILES_MAX = 8 };

struct streams_files {
	char path[STREAMS_FILES_MAX][256];
	size_t count;
};

/* The files of products that the first index names. 0 or -code. */
int streams_index(const char *json, size_t length, struct streams_files *files, struct err *err);

struct streams_result {
	struct text lines; /* the caller's; a line an image, see offer_print */
	size_t count;      /* lines */
	uint64_t skipped;  /* images that were left out for a fault */
	char why[200];     /* the first of those faults */
};

/*
 * Adds the newest image of each product for that architecture ("amd64") that berth can take: an image in one file, or
 * metadata with a root that is a tar or else a squashfs. Virtual machines and images of other kinds are not counted as
 * faults. 0 or -code.
 */
int streams_products(const char *json, size_t length, const char *arch,
		     struct streams_result *result, struct err *err);

#endif
