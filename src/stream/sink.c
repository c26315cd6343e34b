/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/sink.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sink_open(struct sink *sink, const char *before)
{
	sink->codec = codec_open();
	sink->plain = malloc(STREAM_CHUNK_MAX);
	sink->stored = malloc(STREAM_STORED_MAX);
	if (!sink->codec || !sink->plain || !sink->stored)
		return err_set(&sink->report->err, ENOMEM, "out of memory");
	return stream_writer_begin(&sink->writer, before, &sink->report->err);
}

void sink_close(struct sink *sink)
{
	codec_close(sink->codec);
	free(sink->plain);
	free(sink->stored);
}

static int put(struct sink *sink, const void *bytes, size_t n)
{
	int r = file_write_all(sink->fd, bytes, n, -1);

	sink->report->stored += n;
	if (r == -EPIPE)
		return err_set(&sink->report->err, EPIPE,
			       "the reader of the stream has ended before its end");
	return r < 0 ? err_set(&sink->report->err, -r, "write the stream: %s", strerror(-r)) : 0;
}

static void tell(const struct sink *sink)
{
	uint64_t number = sink->before + sink->writer.bytes;

	if (sink->moved_fd >= 0 && pwrite(sink->moved_fd, &number, sizeof number, 0) < 0)
		return;
}

static int put_chunk(struct sink *sink, enum stream_type type, uint64_t offset, const void *bytes,
		     size_t n)
{
	size_t size = codec_press(sink->codec, sink->how, bytes, n, sink->stored);
	const struct stream_chunk chunk = {
		.type = type,
		.codec = size ? sink->how : STREAM_NONE,
		.stored = (uint32_t)(size ? size : n),
		.plain = (uint32_t)n,
		.offset = offset,
	};
	const void *data = size ? sink->stored : bytes;
	uint8_t head[STREAM_HEAD];

	stream_writer_add(&sink->writer, &chunk, data, head);
	tell(sink);
	return put(sink, head, sizeof head) < 0 ? -sink->report->err.code
						: put(sink, data, chunk.stored);
}

static int flush(struct sink *sink)
{
	if (sink->used == 0)
		return 0;
	int r = put_chunk(sink, STREAM_TREE, sink->offset, sink->plain, sink->used);
	sink->offset += sink->used;
	sink->used = 0;
	return r;
}

int sink_add(struct sink *sink, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		size_t room = STREAM_CHUNK_MAX - sink->used, part = n < room ? n : room;
		memcpy(sink->plain + sink->used, at, part);
		sink->used += part;
		at += part;
		n -= part;
		if (sink->used == STREAM_CHUNK_MAX && flush(sink) < 0)
			return -sink->report->err.code;
	}
	return 0;
}

int sink_remove(struct sink *sink, const void *names, size_t n)
{
	return flush(sink) < 0 ? -sink->report->err.code
			       : put_chunk(sink, STREAM_REMOVED, 0, names, n);
}

int sink_block(struct sink *sink, uint64_t offset, const void *bytes, size_t n)
{
	return put_chunk(sink, STREAM_DATA, offset, bytes, n);
}

int sink_hole(struct sink *sink, uint64_t offset, uint64_t length)
{
	uint8_t number[8];

	stream_put_number(number, length);
	return put_chunk(sink, STREAM_HOLE, offset, number, sizeof number);
}

int sink_part(struct sink *sink, const char *point)
{
	uint8_t head[STREAM_HEAD], last[STREAM_SUM_SIZE];
	const uint32_t length = (uint32_t)strlen(point);
	const struct stream_chunk chunk = { .type = STREAM_PART,
					    .stored = length,
					    .plain = length };
	char sum[SHA256_HEX + 1];

	if (flush(sink) < 0)
		return -sink->report->err.code;
	sink->before += sink->writer.bytes;
	stream_writer_add(&sink->writer, &chunk, point, head);
	stream_writer_end(&sink->writer, last, sum);
	if (put(sink, head, sizeof head) < 0 || put(sink, point, length) < 0 ||
	    put(sink, last, sizeof last) < 0)
		return -sink->report->err.code;
	sink->offset = 0;
	return stream_writer_begin(&sink->writer, sum, &sink->report->err);
}

int sink_finish(struct sink *sink)
{
	uint8_t last[STREAM_CLOSE_SIZE + STREAM_SUM_SIZE];

	if (flush(sink) < 0)
		return -sink->report->err.code;
	sink->report->bytes = sink->before + sink->writer.bytes;
	stream_writer_close(&sink->writer, last);
	stream_writer_end(&sink->writer, last + STREAM_CLOSE_SIZE, sink->report->sum);
	return put(sink, last, sizeof last);
}
