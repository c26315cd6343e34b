/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface between berth-fetch and its callers. */
#ifndef BERTH_IMAGE_FETCH_FETCH_H
#define BERTH_IMAGE_FETCH_FETCH_H

#include "base/err.h"
#include "kern/idmap.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * berth-fetch BASE COUNT offers URL ARCH | file URL SIZE (BASE, COUNT: the id map), with these descriptors open. offers
 * writes a line an image (image/shared/offer.h); file goes on where its output ends.
 */
enum {
	FETCH_REPORT = 3, /* a pipe: takes one struct fetch_report */
	FETCH_OUTPUT = 4, /* a regular file, or one in memory */
};

/* The result. It comes from a process that read untrusted bytes, so the reader checks it. */
struct fetch_report {
	struct err err;
	uint64_t skipped; /* images with faults, which were left out */
	char why[200];    /* the first of those faults */
};

struct fetch {
	const char *mode, *url, *detail; /* borrowed: the words above */
	int output_fd;                   /* borrowed */
	const struct idmap *map;         /* borrowed */
	void (*tick)(void *);            /* called every second until the end, or NULL */
	void *context;
};

/* Whether there is a berth-fetch: it is built where libcurl is. */
bool fetch_is_built(void);

/*
 * Runs berth-fetch. When it returns, no process of it is left that could still write. 0, or -code with the cause in
 * err.
 */
int fetch_run(const struct fetch *fetch, struct fetch_report *report, struct err *err);

#endif
