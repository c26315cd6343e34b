/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a stream for its sums alone: nothing is decompressed, and nothing is made of it. */
#include "stream/exactly.h"
#include "stream/stream.h"

#include "base/scoped.h"

#include <string.h>

/* 1: a further part of the same contents follows. */
static int skip_part(struct stream_in *in, unsigned char *bytes, struct err *err)
{
	struct stream_reader reader;
	size_t n;

	if (stream_reader_begin(&reader, STREAM_CONTENTS, in->sum, err) < 0)
		return -err->code;
	while ((n = stream_reader_wants(&reader)) > 0) {
		if (stream_read_exactly(in->fd, bytes, n, err) < 0 ||
		    stream_reader_take(&reader, bytes, err) < 0)
			return -err->code;
	}
	memcpy(in->sum, reader.so_far, sizeof in->sum);
	return *reader.point != '\0';
}

int stream_skip(struct stream_in *in, struct err *err)
{
	scoped_free unsigned char *bytes = malloc(STREAM_STORED_MAX);
	int r;

	if (!bytes)
		return err_set(err, ENOMEM, "out of memory");

	do
		r = skip_part(in, bytes, err);
	while (r > 0);
	return r;
}

int stream_verify(int fd, struct err *err)
{
	struct stream_in in = { .fd = fd };
	scoped_text struct text settings = { 0 };
	struct stream_head head;
	struct stream_volume volume;
	int r;

	if (stream_open(&in, &head, &settings, err) < 0)
		return -err->code;
	stream_head_free(&head);
	while ((r = stream_next(&in, &volume, err)) > 0) {
		stream_volume_free(&volume);
		if (stream_skip(&in, err) < 0)
			return -err->code;
	}
	return r;
}
