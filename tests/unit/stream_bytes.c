/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream_bytes.h"

#include "stream/source.h"
#include "stream/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct memory {
	struct source source; /* first member, for casts */
	const uint8_t *bytes;
	size_t left;
};

static int take(struct source *source, void *out, size_t n, struct err *err)
{
	struct memory *memory = (struct memory *)source;

	if (n > memory->left)
		return err_set(err, EBADMSG, "it is not complete: its end is missing");
	memcpy(out, memory->bytes, n);
	memory->bytes += n;
	memory->left -= n;
	return 0;
}

static int check_text(const struct stream_reader *reader, const char *text, struct err *err)
{
	struct stream_head head;
	struct stream_volume volume;

	if (reader->chunk.type == STREAM_HEADER) {
		if (stream_head_parse(text, reader->chunk.plain, &head, err) < 0)
			return -err->code;
		stream_head_free(&head);
	} else if (reader->chunk.type == STREAM_VOLUME) {
		if (stream_volume_parse(text, reader->chunk.plain, &volume, err) < 0)
			return -err->code;
		stream_volume_free(&volume);
	}
	return 0;
}

/* Reads a section of texts: 0, or -code. */
static int read_texts(struct memory *memory, struct stream_reader *reader, struct err *err)
{
	size_t n;
	int r;

	while ((n = stream_reader_wants(reader)) > 0) {
		char *text = malloc(n);
		r = text ? take(&memory->source, text, n, err) : -ENOMEM;
		if (r == 0)
			r = stream_reader_take(reader, text, err);
		if (r == STREAM_CHUNK && reader->chunk.plain)
			r = check_text(reader, text, err);
		free(text);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_contents(struct memory *memory, const char *before, struct stream_seen *seen,
			 char sum[SHA256_HEX + 1], struct err *err)
{
	struct source *source = &memory->source;

	*source = (struct source){ .read = take, .fd = -1, .moved_fd = -1 };
	int r = source_open(source, before, err);
	while (r == 0 && (r = source_next(source, err)) > 0) {
		seen->chunks++;
		seen->bytes += source->reader.chunk.plain;
		r = 0;
	}
	if (r == 0)
		memcpy(sum, source->reader.so_far, SHA256_HEX + 1);
	source_close(source);
	return r;
}

int stream_bytes_read(const uint8_t *bytes, size_t size, struct stream_seen *seen, struct err *err)
{
	struct memory memory = { .bytes = bytes, .left = size };
	char sum[SHA256_HEX + 1] = STREAM_NO_SUM;
	struct stream_reader reader;

	*seen = (struct stream_seen){ 0 };
	int r = stream_reader_begin(&reader, STREAM_START, sum, err);
	if (r == 0)
		r = read_texts(&memory, &reader, err);
	while (r == 0) {
		memcpy(sum, reader.so_far, sizeof sum);
		if (stream_reader_begin(&reader, STREAM_DESCRIPTION, sum, err) < 0 ||
		    read_texts(&memory, &reader, err) < 0)
			return -err->code;
		memcpy(sum, reader.so_far, sizeof sum);
		if (reader.section == STREAM_ENDING)
			return memory.left ? err_set(err, EBADMSG, "something is behind its end")
					   : 0;
		seen->volumes++;
		r = read_contents(&memory, sum, seen, reader.so_far, err);
	}
	return r;
}
