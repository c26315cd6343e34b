/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents on their way out of a stream: a section read to its end and no further. Inside berth-stream only. */
#ifndef BERTH_STREAM_SOURCE_H
#define BERTH_STREAM_SOURCE_H

#include "stream/codec.h"
#include "stream/program.h"

#include <sys/types.h>

struct source {
	/* Reads exactly n bytes, as read_exactly does; a target of fuzzing has its own. 0 or -code. */
	int (*read)(struct source *, void *out, size_t n, struct err *err);
	int fd;       /* borrowed, for read_exactly */
	int moved_fd; /* borrowed: takes the number of bytes so far, for progress; -1: nobody asks */
	struct stream_reader reader;
	struct codec *codec;   /* owned */
	unsigned char *stored; /* owned */
	unsigned char *plain;  /* owned; the data of the current chunk */
	uint64_t taken;        /* bytes of the stream */
};

int source_read_exactly(struct source *source, void *out, size_t n, struct err *err);

/* before: the sum of the section before. 0 or -code; source_close after both. */
int source_open(struct source *source, const char *before, struct err *err);
void source_close(struct source *source);

/*
 * Reads the next chunk: its decompressed data are in source->plain, and reader.chunk describes it. 1; 0: the section is
 * complete and its sum right; or -code.
 */
int source_next(struct source *source, struct err *err);

#endif
