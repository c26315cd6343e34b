/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoders that check checksums. libarchive checks neither the checksum of gzip nor that of an lz4 frame's content, and
 * no decoder reads what follows the last byte that a tar needs, where most have their checksums. So these two formats
 * are decoded here, the others by libarchive, and all of them to their very end. Runs only inside berth-unpack.
 */
#include "image/unpack/decode.h"

#include "image/shared/sha256.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <lz4frame.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 128 << 10, MAGIC = 4 };

struct decoder {
	int fd;
	ssize_t (*read)(struct decoder *, const void **, struct err *);
	unsigned char in[BLOCK], out[BLOCK];
	size_t at, have; /* in `in` */
	uint64_t fed;    /* bytes of the file so far */
	bool ended;      /* the file has no more bytes */
	bool inside;     /* inside a member of gzip, or a frame of lz4 */
	z_stream gzip;
	LZ4F_dctx *lz4;
	struct archive *others;
	struct sha256 *raw, *plain; /* borrowed, or NULL: sums of the file and of what is in it */
};

static int damaged(struct err *err, const char *why)
{
	return err_set(err, EINVAL, "%s", why);
}

static const char cut[] = "truncated; the archive is not complete";
static const char behind[] = "something stands behind its end: the archive is damaged";

/* Reads more of the file, after the unread bytes. */
static int feed(struct decoder *d, struct err *err)
{
	memmove(d->in, d->in + d->at, d->have - d->at);
	d->have -= d->at;
	d->at = 0;
	while (!d->ended && d->have < sizeof d->in) {
		ssize_t n = read(d->fd, d->in + d->have, sizeof d->in - d->have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read it: %s", strerror(errno));
		if (d->raw)
			sha256_add(d->raw, d->in + d->have, (size_t)n);
		d->ended = n == 0;
		d->have += (size_t)n;
		d->fed += (uint64_t)n;
	}
	return 0;
}

static int feed_if_empty(struct decoder *d, struct err *err)
{
	return d->at == d->have && !d->ended ? feed(d, err) : 0;
}

/* Some writers fill the last block with zeros; anything else does not belong to the archive. */
static int only_zeros(struct decoder *d, struct err *err)
{
	for (;;) {
		for (; d->at < d->have; d->at++) {
			if (d->in[d->at])
				return damaged(err, behind);
		}
		if (d->ended)
			return 0;
		if (feed(d, err) < 0)
			return -err->code;
	}
}

/* ---- gzip: members one behind the other; zlib compares their checksums and lengths */

static ssize_t inflate_some(struct decoder *d, struct err *err)
{
	d->gzip.next_in = d->in + d->at;
	d->gzip.avail_in = (unsigned)(d->have - d->at);
	d->gzip.next_out = d->out;
	d->gzip.avail_out = sizeof d->out;
	int r = inflate(&d->gzip, Z_NO_FLUSH);
	d->at = d->have - d->gzip.avail_in;
	if (r == Z_STREAM_END)
		d->inside = false;
	else if (r == Z_MEM_ERROR)
		return err_set(err, ENOMEM, "out of memory");
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return err_set(err, EINVAL, "gzip: %s: the archive is damaged",
			       d->gzip.msg ? d->gzip.msg : "bad data");
	return (ssize_t)(sizeof d->out - d->gzip.avail_out);
}

static ssize_t read_gzip(struct decoder *d, const void **bytes, struct err *err)
{
	*bytes = d->out;
	for (;;) {
		if (feed_if_empty(d, err) < 0)
			return -err->code;
		if (!d->inside && (d->at == d->have || d->in[d->at] == 0))
			return only_zeros(d, err);
		if (!d->inside) {
			inflateReset(&d->gzip);
			d->inside = true;
		}
		if (d->at == d->have)
			return damaged(err, cut);
		ssize_t n = inflate_some(d, err);
		if (n != 0)
			return n;
	}
}

/* ---- lz4: frames one behind the other */

static ssize_t read_lz4(struct decoder *d, const void **bytes, struct err *err)
{
	*bytes = d->out;
	for (;;) {
		if (feed_if_empty(d, err) < 0)
			return -err->code;
		if (d->at == d->have)
			return d->inside ? damaged(err, cut) : 0;
		size_t in = d->have - d->at, out = sizeof d->out;
		size_t wanted = LZ4F_decompress(d->lz4, d->out, &out, d->in + d->at, &in, NULL);
		if (LZ4F_isError(wanted))
			return err_set(err, EINVAL, "lz4: %s: the archive is damaged",
				       LZ4F_getErrorName(wanted));
		d->at += in;
		d->inside = wanted != 0;
		if (out > 0)
			return (ssize_t)out;
	}
}

/* ---- The others, and none at all */

static la_ssize_t feed_archive(struct archive *archive, void *context, const void **bytes)
{
	struct decoder *d = context;
	struct err err = { 0 };

	if (feed_if_empty(d, &err) < 0) {
		archive_set_error(archive, err.code, "%s", err.text);
		return ARCHIVE_FATAL;
	}
	*bytes = d->in + d->at;
	la_ssize_t n = (la_ssize_t)(d->have - d->at);
	d->at = d->have;
	return n;
}

static int say(struct archive *archive, struct err *err)
{
	const char *text = archive_error_string(archive);
	int code = archive_errno(archive);

	return err_set(err, code > 0 ? code : EINVAL, "%s", text ? text : "unknown failure");
}

/* These decoders stop at the end of their format, and ignore what follows. */
static int at_end(struct decoder *d, struct err *err)
{
	int code = archive_filter_code(d->others, 0);
	la_int64_t used = archive_filter_bytes(d->others, -1);

	if (code != ARCHIVE_FILTER_BZIP2 && code != ARCHIVE_FILTER_XZ &&
	    code != ARCHIVE_FILTER_LZIP && code != ARCHIVE_FILTER_ZSTD)
		return 0;
	if (used < 0 || d->fed - (uint64_t)used > d->have)
		return 0;
	d->at = d->have - (size_t)(d->fed - (uint64_t)used);
	return only_zeros(d, err);
}

static ssize_t read_others(struct decoder *d, const void **bytes, struct err *err)
{
	la_int64_t offset;
	size_t n;

	for (;;) {
		int r = archive_read_data_block(d->others, bytes, &n, &offset);
		if (r == ARCHIVE_EOF)
			return at_end(d, err);
		if (r != ARCHIVE_OK)
			return say(d->others, err);
		if (n > 0)
			return (ssize_t)n;
	}
}

static ssize_t read_nothing(struct decoder *d, const void **bytes, struct err *err)
{
	(void)d;
	(void)err;
	*bytes = NULL;
	return 0;
}

/* Built-in decoders only: the others would run programs, which do not exist here. */
static int open_others(struct decoder *d, struct err *err)
{
	struct archive_entry *entry;

	archive_read_support_filter_bzip2(d->others);
	archive_read_support_filter_xz(d->others);
	archive_read_support_filter_lzma(d->others);
	archive_read_support_filter_lzip(d->others);
	archive_read_support_filter_zstd(d->others);
	archive_read_support_filter_lz4(d->others);
	archive_read_support_filter_compress(d->others);
	archive_read_support_format_raw(d->others);
	archive_read_support_format_empty(d->others);
	if (archive_read_open(d->others, d, NULL, feed_archive, NULL) != ARCHIVE_OK)
		return say(d->others, err);
	int r = archive_read_next_header(d->others, &entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
		return say(d->others, err);
	d->read = r == ARCHIVE_EOF ? read_nothing : read_others;
	return 0;
}

/* Chosen by the first bytes; lz4 frames of the old kind, without checksums, go to libarchive. */
static int choose(struct decoder *d, struct err *err)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b }, lz4[] = { 0x04, 0x22, 0x4d, 0x18 };

	if (feed(d, err) < 0)
		return -err->code;
	if (d->have >= sizeof gzip && memcmp(d->in, gzip, sizeof gzip) == 0)
		d->read = read_gzip;
	else if (d->have >= MAGIC &&
		 (memcmp(d->in, lz4, sizeof lz4) == 0 ||
		  (d->in[0] >> 4 == 5 && memcmp(d->in + 1, "\x2a\x4d\x18", 3) == 0)))
		d->read = read_lz4;
	else if (d->have >= MAGIC && memcmp(d->in, "hsqs", MAGIC) == 0)
		return err_set(
			err, EINVAL,
			"it is a squashfs, which cannot be read from a pipe; give it as a file");
	else
		return open_others(d, err);
	return 0;
}

ssize_t decode_read(struct decoder *d, const void **bytes, struct err *err)
{
	if (!d->read && choose(d, err) < 0)
		return -err->code;
	ssize_t n = d->read(d, bytes, err);
	if (n > 0 && d->plain)
		sha256_add(d->plain, *bytes, (size_t)n);
	return n;
}

void decode_sums(struct decoder *d, struct sha256 *raw, struct sha256 *plain)
{
	d->raw = raw;
	d->plain = plain;
}

struct decoder *decode_open(int fd)
{
	struct decoder *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->fd = fd;
	d->others = archive_read_new();
	/* 16: gzip, and nothing else. */
	if (!d->others || inflateInit2(&d->gzip, 15 + 16) != Z_OK ||
	    LZ4F_isError(LZ4F_createDecompressionContext(&d->lz4, LZ4F_VERSION))) {
		decode_close(d);
		return NULL;
	}
	return d;
}

void decode_close(struct decoder *d)
{
	if (!d)
		return;
	archive_read_free(d->others);
	inflateEnd(&d->gzip);
	LZ4F_freeDecompressionContext(d->lz4);
	free(d);
}
