/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/sink.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sink_open(struct sink *sink, const char *before)
{
	sink->press = press_open(&sink->how, sink->confine, &sink->report->err);
	sink->plain = malloc(STREAM_CHUNK_MAX);
	if (!sink->press)
		return -sink->report->err.code;
	if (!sink->plain)
		return err_set(&sink->report->err, ENOMEM, "out of memory");
	return stream_writer_begin(&sink->writer, before, &sink->report->err);
}

void sink_close(struct sink *sink)
{
	press_close(sink->press);
	free(sink->plain);
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

/* Writes the chunk that has waited longest. */
static int put_oldest(struct sink *sink)
{
	struct stream_chunk chunk;
	const void *data;
	uint8_t head[STREAM_HEAD];

	if (press_take(sink->press, &chunk, &data, &sink->report->err) < 0)
		return -sink->report->err.code;
	stream_writer_add(&sink->writer, &chunk, data, head);
	tell(sink);
	return put(sink, head, sizeof head) < 0 ? -sink->report->err.code
						: put(sink, data, chunk.stored);
}

static int put_chunk(struct sink *sink, enum stream_type type, uint64_t offset, const void *bytes,
		     size_t n)
{
	const struct stream_chunk chunk = { .type = type, .plain = (uint32_t)n, .offset = offset };

	if ((press_is_full(sink->press) && put_oldest(sink) < 0) ||
	    press_add(sink->press, &chunk, bytes, &sink->report->err) < 0)
		return -sink->report->err.code;
	return press_is_beside(sink->press) ? 0 : put_oldest(sink);
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

/* All that was added is written. */
static int drain(struct sink *sink)
{
	int r = flush(sink);

	while (r == 0 && press_has_any(sink->press))
		r = put_oldest(sink);
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

	if (drain(sink) < 0)
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

	if (drain(sink) < 0)
		return -sink->report->err.code;
	sink->report->bytes = sink->before + sink->writer.bytes;
	stream_writer_close(&sink->writer, last);
	stream_writer_end(&sink->writer, last + STREAM_CLOSE_SIZE, sink->report->sum);
	return put(sink, last, sizeof last);
}
