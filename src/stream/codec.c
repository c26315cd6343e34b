/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/codec.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { ZSTD_USUAL = 3 };

struct codec {
	LZ4F_dctx *lz4;
	ZSTD_CCtx *press;
	ZSTD_DCtx *expand;
};

struct codec *codec_open(void)
{
	return calloc(1, sizeof(struct codec));
}

void codec_close(struct codec *codec)
{
	if (!codec)
		return;
	LZ4F_freeDecompressionContext(codec->lz4);
	ZSTD_freeCCtx(codec->press);
	ZSTD_freeDCtx(codec->expand);
	free(codec);
}

static size_t press_lz4(unsigned level, const void *in, size_t n, void *out)
{
	const LZ4F_preferences_t how = {
		.frameInfo = { .blockSizeID = LZ4F_max1MB,
			       .blockMode = LZ4F_blockIndependent,
			       .contentChecksumFlag = LZ4F_contentChecksumEnabled,
			       .contentSize = n },
		.compressionLevel = (int)level,
	};

	if (LZ4F_compressFrameBound(n, &how) > STREAM_STORED_MAX)
		return 0;
	size_t r = LZ4F_compressFrame(out, STREAM_STORED_MAX, in, n, &how);
	return LZ4F_isError(r) ? 0 : r;
}

static size_t press_zstd(struct codec *codec, unsigned level, const void *in, size_t n, void *out)
{
	if (!codec->press) {
		codec->press = ZSTD_createCCtx();
		if (!codec->press)
			return 0;
		ZSTD_CCtx_setParameter(codec->press, ZSTD_c_compressionLevel,
				       level ? (int)level : ZSTD_USUAL);
		ZSTD_CCtx_setParameter(codec->press, ZSTD_c_checksumFlag, 1);
	}
	size_t r = ZSTD_compress2(codec->press, out, STREAM_STORED_MAX, in, n);
	return ZSTD_isError(r) ? 0 : r;
}

size_t codec_press(struct codec *codec, const struct stream_press *how, const void *in, size_t n,
		   void *out)
{
	size_t size = how->codec == STREAM_LZ4    ? press_lz4(how->level, in, n, out)
		      : how->codec == STREAM_ZSTD ? press_zstd(codec, how->level, in, n, out)
						  : 0;

	return size < n ? size : 0;
}

static int refuse(struct err *err)
{
	return err_set(err, EBADMSG, "it is damaged: a part of it cannot be decompressed");
}

static int expand_lz4(struct codec *codec, const struct stream_chunk *chunk, const void *in,
		      void *out, struct err *err)
{
	size_t taken = chunk->stored, made = chunk->plain;

	if (!codec->lz4 && LZ4F_isError(LZ4F_createDecompressionContext(&codec->lz4, LZ4F_VERSION)))
		return err_set(err, ENOMEM, "out of memory");
	size_t left = LZ4F_decompress(codec->lz4, out, &made, in, &taken, NULL);
	/* After a fault the context is of no use. */
	if (left == 0 && taken == chunk->stored && made == chunk->plain)
		return 0;
	LZ4F_resetDecompressionContext(codec->lz4);
	return refuse(err);
}

static int expand_zstd(struct codec *codec, const struct stream_chunk *chunk, const void *in,
		       void *out, struct err *err)
{
	if (!codec->expand)
		codec->expand = ZSTD_createDCtx();
	if (!codec->expand)
		return err_set(err, ENOMEM, "out of memory");
	size_t made = ZSTD_decompressDCtx(codec->expand, out, chunk->plain, in, chunk->stored);
	return !ZSTD_isError(made) && made == chunk->plain ? 0 : refuse(err);
}

int codec_expand(struct codec *codec, const struct stream_chunk *chunk, const void *in, void *out,
		 struct err *err)
{
	switch (chunk->codec) {
	case STREAM_NONE:
		memcpy(out, in, chunk->plain);
		return 0;
	case STREAM_LZ4:
		return expand_lz4(codec, chunk, in, out, err);
	case STREAM_ZSTD:
		return expand_zstd(codec, chunk, in, out, err);
	case STREAM_CODECS:
	default:
		return refuse(err);
	}
}
