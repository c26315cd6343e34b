/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents on their way into a stream: collected into chunks, compressed and written. Inside berth-stream only. */
#ifndef BERTH_STREAM_SINK_H
#define BERTH_STREAM_SINK_H

#include "stream/press.h"
#include "stream/program.h"

struct sink {
	int fd;       /* borrowed */
	int moved_fd; /* borrowed: takes the number of bytes so far, for progress; -1: nobody asks */
	struct stream_press how;
	int (*confine)(struct err *); /* gives up the rights of further processes; NULL: none */
	struct stream_writer writer;
	struct press *press;          /* owned */
	unsigned char *plain;         /* owned; bytes that are not written yet */
	size_t used;                  /* in plain */
	uint64_t offset;              /* of the archive, before plain */
	uint64_t before;              /* bytes of the parts before */
	struct stream_report *report; /* borrowed; gets counts and the error */
};

/* before: the sum of the section before. It makes the further processes. 0 or -code; sink_close after both. */
int sink_open(struct sink *sink, const char *before);
void sink_close(struct sink *sink);

/* Adds bytes of the archive. 0 or -code. */
int sink_add(struct sink *sink, const void *bytes, size_t n);
/*
 * Writes names that are gone, each with its NUL, at most STREAM_CHUNK_MAX bytes, before all bytes that are added later.
 */
int sink_remove(struct sink *sink, const void *names, size_t n);
/* Writes a piece of a volume of blocks, at most STREAM_CHUNK_MAX bytes, and a range of zeros of one. */
int sink_block(struct sink *sink, uint64_t offset, const void *bytes, size_t n);
int sink_hole(struct sink *sink, uint64_t offset, uint64_t length);
/* Closes the section as a part, behind which another one begins: a new archive. point: behind it. 0 or -code. */
int sink_part(struct sink *sink, const char *point);
/* Closes the section: its counts and its sum, which also gets into the report. */
int sink_finish(struct sink *sink);

#endif
