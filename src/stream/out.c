/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a stream. */
#include "stream/run.h"

#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int put(struct stream_out *out, const void *bytes, size_t n, struct err *err)
{
	int r = file_write_all(out->fd, bytes, n, -1);

	if (r == -EPIPE)
		return err_set(err, EPIPE, "the reader of the stream has ended before its end");
	return r < 0 ? err_set(err, -r, "write the stream: %s", strerror(-r)) : 0;
}

static int put_chunk(struct stream_out *out, struct stream_writer *writer, enum stream_type type,
		     const void *bytes, size_t n, struct err *err)
{
	const struct stream_chunk chunk = { .type = type,
					    .stored = (uint32_t)n,
					    .plain = (uint32_t)n };
	uint8_t head[STREAM_HEAD];

	if (n > STREAM_TEXT_MAX)
		return err_set(err, E2BIG, "its settings are too long for a stream");
	stream_writer_add(writer, &chunk, bytes, head);
	return put(out, head, sizeof head, err) < 0 ? -err->code : put(out, bytes, n, err);
}

static int put_sum(struct stream_out *out, struct stream_writer *writer, struct err *err)
{
	uint8_t last[STREAM_SUM_SIZE];

	stream_writer_end(writer, last, out->sum);
	return put(out, last, sizeof last, err);
}

int stream_begin(struct stream_out *out, const struct stream_head *head,
		 const struct text *settings, struct err *err)
{
	struct text text = { 0 };
	struct stream_writer writer;

	out->volumes = out->bytes = 0;
	strcpy(out->sum, STREAM_NO_SUM);
	if (stream_head_print(head, &text) < 0) {
		text_free(&text);
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = stream_writer_begin(&writer, out->sum, err);
	if (r == 0) {
		stream_writer_magic(&writer);
		r = put(out, STREAM_MAGIC, STREAM_MAGIC_SIZE, err);
	}
	if (r == 0)
		r = put_chunk(out, &writer, STREAM_HEADER, text.data, text.length, err);
	if (r == 0)
		r = put_chunk(out, &writer, STREAM_SETTINGS, settings->data, settings->length, err);
	text_free(&text);
	return r == 0 ? put_sum(out, &writer, err) : r;
}

static int describe(struct stream_out *out, const struct stream_volume *volume, struct err *err)
{
	struct text text = { 0 };
	struct stream_writer writer;

	if (stream_volume_print(volume, &text) < 0) {
		text_free(&text);
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = stream_writer_begin(&writer, out->sum, err);
	if (r == 0)
		r = put_chunk(out, &writer, STREAM_VOLUME, text.data, text.length, err);
	text_free(&text);
	return r == 0 ? put_sum(out, &writer, err) : r;
}

static int put_contents(struct stream_out *out, const struct stream_volume *volume, const char *how,
			int fd, int other_fd, struct err *err)
{
	char press[40], limit[24];
	const char *words[] = { how, press, out->sum, NULL, NULL, NULL };
	const struct stream_run run = {
		.words = words,
		.fd = out->fd,
		.packs = true,
		.mount_fd = fd,
		.other_fd = other_fd,
		.flags_fd = -1,
		.before = out->bytes,
		.tick = out->tick,
		.tick_context = out->tick_context,
	};

	snprintf(press, sizeof press, "%d:%u:%u", (int)out->press.codec, out->press.level,
		 out->press.threads);
	if (!stream_is_blocks(volume) && (out->limit || out->point)) {
		snprintf(limit, sizeof limit, "%" PRIu64, out->limit);
		words[3] = limit;
		words[4] = out->point ? out->point : "-";
		out->point = NULL;
	}
	if (describe(out, volume, err) < 0 || stream_run(&run, &out->report, err) < 0)
		return -err->code;
	memcpy(out->sum, out->report.sum, sizeof out->sum);
	out->volumes++;
	out->bytes += out->report.bytes;
	return 0;
}

int stream_put(struct stream_out *out, const struct stream_volume *volume, int mount_fd,
	       int base_fd, struct err *err)
{
	return put_contents(out, volume, "pack", mount_fd, base_fd, err);
}

int stream_put_blocks(struct stream_out *out, const struct stream_volume *volume, int device_fd,
		      int ranges_fd, struct err *err)
{
	return put_contents(out, volume, "pack-blocks", device_fd, ranges_fd, err);
}

int stream_end(struct stream_out *out, struct err *err)
{
	struct stream_writer writer;
	uint8_t count[8];

	stream_put_number(count, out->volumes);
	if (stream_writer_begin(&writer, out->sum, err) < 0 ||
	    put_chunk(out, &writer, STREAM_END, count, sizeof count, err) < 0)
		return -err->code;
	return put_sum(out, &writer, err);
}
