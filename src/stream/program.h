/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface between berth-stream and its callers: a process for the contents of each volume. */
#ifndef BERTH_STREAM_PROGRAM_H
#define BERTH_STREAM_PROGRAM_H

#include "base/err.h"
#include "stream/format.h"

#include <stdint.h>

/*
 * berth-stream pack PRESS SUM [LIMIT POINT]: writes the contents of a volume. PRESS: CODEC:LEVEL:THREADS, the numbers of
 * a struct stream_press; LIMIT: bytes of the first part, 0: all is one part; POINT: of a part before, behind which it
 * goes on, "-": from the beginning. berth-stream fill BASE COUNT SUM (BASE, COUNT: the id map): reads one part of them.
 * pack-blocks PRESS SUM and fill-blocks SIZE BASE SUM (BASE: 1 if the device is not empty): the same for a device. SUM:
 * of the section before. With these descriptors open.
 */
enum {
	STREAM_IN = 0,     /* fill: the stream, read to the end of the section and no further */
	STREAM_OUT = 1,    /* pack: the stream */
	STREAM_REPORT = 3, /* a pipe: takes one struct stream_report */
	STREAM_MOVED = 4,  /* a file in memory: takes the number of bytes so far (8 bytes) */
	STREAM_MOUNT = 6,  /* a detached mount of the volume */
	STREAM_OTHER =
		7, /* pack: a mount of the base, or closed; fill: a second mount, whose ids are not mapped */
	STREAM_FLAGS =
		10, /* fill: a file in memory: flags of files, which are set behind the last part */
};

/* The result. It comes from a process that read untrusted bytes, so the reader checks it. */
struct stream_report {
	struct err err;
	char sum[SHA256_HEX + 1]; /* of the section */
	uint64_t bytes;           /* decompressed */
	uint64_t stored;          /* in the stream */
	uint64_t entries;         /* of the archive */
	uint64_t attributes;      /* extended attributes and ACL entries that were left out */
	char point[STREAM_POINT_MAX + 1]; /* of fill: the part is not the last */
};

/* ---- Inside the program */

/* Requests of the process that fills a volume: a file in memory of a fixed size. */
enum { LATER_FD = 5, LATER_SIZE = 16 << 20 };

#endif
