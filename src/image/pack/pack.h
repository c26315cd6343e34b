/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface between berth-pack, which writes a folder as an archive, and its callers. */
#ifndef BERTH_IMAGE_PACK_PACK_H
#define BERTH_IMAGE_PACK_PACK_H

#include "base/err.h"
#include "base/text.h"
#include "image/shared/helper.h"

#include <stdint.h>

/* berth-pack FORMAT COMPRESSION, with these descriptors open. */
enum {
	PACK_REPORT = 3,   /* a pipe: takes one struct pack_report */
	PACK_OUTPUT = 4,   /* takes the archive; a file or a pipe */
	PACK_DOCUMENT = 5, /* a file in memory: struct pack's document */
	PACK_SPOOL = 6,    /* with format oci: a file for the layer */
	PACK_FOLDER = 7,   /* a detached, read-only mount */
};

/* The result. It comes from a process that read untrusted names, so the reader checks it. */
struct pack_report {
	struct err err;
	uint64_t entries;
	uint64_t sockets;    /* that were left out: no archive can have them */
	uint64_t attributes; /* that were left out */
};

struct pack {
	const char *format; /* "tar", "lxc" or "oci" */
	const char
		*compression; /* "none", "gzip", "xz" or "zstd"; of format oci that of the layer */
	/*
	 * Borrowed. lxc: the text of metadata.yaml. oci: the JSON of the image's settings, without its layers. tar:
	 * nothing, or the ids that owners are mapped to: lines "u INSIDE OUTSIDE COUNT" and "g ...".
	 */
	const struct text *document;
	int folder_fd, output_fd; /* borrowed */
	int spool_fd;             /* borrowed; -1 but with format oci */
	void (*tick)(void *);     /* called every second until the end, or NULL */
	void *context;            /* of tick */
};

/* Writes the archive. 0, or -code with the cause. */
int pack_run(const struct pack *pack, struct pack_report *report, struct err *err);

/* berth-pack that writes into a pipe, beside a reader. */
struct packing {
	struct helper_running running;
	int document_fd; /* owned */
};
/* Begins it; the output is a new pipe, whose end to read from is the caller's. A descriptor or -code. */
int packing_begin(struct packing *packing, const struct pack *pack, struct err *err);
/* Waits for its end, after the reader has closed the pipe. -EPIPE: the reader closed it before the end. */
int packing_end(struct packing *packing, struct pack_report *report, struct err *err);

#endif
