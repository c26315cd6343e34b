/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compression of one chunk: none, an lz4 frame or a zstd frame, each with a checksum. Inside berth-stream only. */
#ifndef BERTH_STREAM_CODEC_H
#define BERTH_STREAM_CODEC_H

#include "base/err.h"
#include "stream/format.h"

struct codec;

/* The caller owns it; NULL: out of memory. */
struct codec *codec_open(void);
void codec_close(struct codec *codec);

/*
 * Compresses a chunk of at most STREAM_CHUNK_MAX bytes into out, of STREAM_STORED_MAX bytes. The size; 0: it does not
 * get smaller, and is stored as it is.
 */
size_t codec_press(struct codec *codec, const struct stream_press *how, const void *in, size_t n,
		   void *out);

/* Decompresses a chunk into exactly `plain` bytes. 0, or -EBADMSG: it is damaged. */
int codec_expand(struct codec *codec, const struct stream_chunk *chunk, const void *in, void *out,
		 struct err *err);

#endif
