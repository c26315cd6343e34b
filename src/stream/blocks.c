/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/blocks.h"

#include "base/file.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 1: a whole range; 0: the end. */
static int next_range(int fd, struct volume_range *range, struct err *err)
{
	ssize_t n;

	do
		n = read(fd, range, sizeof *range);
	while (n < 0 && errno == EINTR);
	if (n == 0 || n == (ssize_t)sizeof *range)
		return n != 0;
	return err_set(err, n < 0 ? errno : EIO, "read the list of blocks");
}

static int read_piece(int fd, char *out, uint64_t at, size_t n, struct err *err)
{
	while (n > 0) {
		ssize_t got = pread(fd, out, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(err, got < 0 ? errno : EIO, "read the volume: %s",
				       got < 0 ? strerror(errno) : "it has an early end");
		out += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static bool is_zero(const char *bytes, size_t n)
{
	return n > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

static int pack_range(struct sink *sink, int device_fd, const struct volume_range *range,
		      char *piece)
{
	uint64_t end = range->offset + range->length;

	if (range->hole)
		return sink_hole(sink, range->offset, range->length);
	for (uint64_t at = range->offset; at < end;) {
		size_t n = end - at < STREAM_CHUNK_MAX ? (size_t)(end - at) : STREAM_CHUNK_MAX;
		if (read_piece(device_fd, piece, at, n, &sink->report->err) < 0)
			return -sink->report->err.code;
		int r = is_zero(piece, n) ? sink_hole(sink, at, n) : sink_block(sink, at, piece, n);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

int pack_blocks(struct sink *sink, int device_fd, int ranges_fd)
{
	char *piece = malloc(STREAM_CHUNK_MAX);
	struct volume_range range;
	struct err *err = &sink->report->err;
	int r = piece ? 0 : err_set(err, ENOMEM, "out of memory");

	if (r == 0 && lseek(ranges_fd, 0, SEEK_SET) < 0)
		r = err_set(err, errno, "read the list of blocks: %s", strerror(errno));
	while (r == 0 && (r = next_range(ranges_fd, &range, err)) > 0)
		r = pack_range(sink, device_fd, &range, piece);
	free(piece);
	return r == 0 ? sink_finish(sink) : r;
}

/* A device that cannot unmap gets zeros written. */
static int write_zeros(int fd, uint64_t at, uint64_t length)
{
	static const char zeros[64 << 10];

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)length) ==
	    0)
		return 0;
	while (length > 0) {
		size_t n = length < sizeof zeros ? (size_t)length : sizeof zeros;
		int r = file_write_all(fd, zeros, n, (off_t)at);
		if (r < 0)
			return r;
		at += n;
		length -= n;
	}
	return 0;
}

static int fill_one(const struct source *source, int fd, uint64_t size, bool has_base,
		    struct err *err)
{
	const struct stream_chunk *chunk = &source->reader.chunk;
	bool hole = chunk->type == STREAM_HOLE;
	uint64_t length = hole ? stream_number(source->plain) : chunk->plain;

	if (chunk->type != STREAM_DATA && !hole)
		return err_set(err, EBADMSG, "it is damaged: it has a tree for a volume of blocks");
	if (chunk->offset > size || length > size - chunk->offset)
		return err_set(err, EBADMSG, "it has blocks behind the end of the volume");
	if (hole && !has_base)
		return 0;
	int r = hole ? write_zeros(fd, chunk->offset, length)
		     : file_write_all(fd, (const char *)source->plain, chunk->plain,
				      (off_t)chunk->offset);
	return r == -ENOSPC ? err_set(err, ENOSPC, "the pool is full")
	       : r < 0      ? err_set(err, -r, "write the volume: %s", strerror(-r))
			    : 0;
}

int fill_blocks(struct source *source, int device_fd, uint64_t size, bool has_base,
		struct stream_report *report)
{
	struct err *err = &report->err;
	int r;

	while ((r = source_next(source, err)) > 0) {
		if (fill_one(source, device_fd, size, has_base, err) < 0)
			return -err->code;
	}
	if (r == 0 && fsync(device_fd) < 0)
		r = err_set(err, errno, "write the volume to the disk: %s", strerror(errno));
	report->bytes = source->reader.bytes;
	report->stored = source->taken;
	if (r == 0)
		memcpy(report->sum, source->reader.so_far, sizeof report->sum);
	return r;
}
