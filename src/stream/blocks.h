/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume of blocks into a stream, and out of it. Inside berth-stream only. */
#ifndef BERTH_STREAM_BLOCKS_H
#define BERTH_STREAM_BLOCKS_H

#include "stream/sink.h"
#include "stream/source.h"

/* Writes the ranges in a file of struct volume_range of an open device. 0, or -code with the report's err set. */
int pack_blocks(struct sink *sink, int device_fd, int ranges_fd);

/*
 * Writes what the stream has onto an open device of that size. has_base: there is something on it, so that ranges of
 * zeros have to be written. 0, or -code with the report's err set.
 */
int fill_blocks(struct source *source, int device_fd, uint64_t size, bool has_base,
		struct stream_report *report);

#endif
