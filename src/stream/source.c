/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/source.h"

#include "stream/exactly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int source_read_exactly(struct source *source, void *out, size_t n, struct err *err)
{
	return stream_read_exactly(source->fd, out, n, err);
}

int source_open(struct source *source, const char *before, struct err *err)
{
	source->codec = codec_open();
	source->stored = malloc(STREAM_STORED_MAX);
	source->plain = malloc(STREAM_CHUNK_MAX);
	if (!source->codec || !source->stored || !source->plain)
		return err_set(err, ENOMEM, "out of memory");
	return stream_reader_begin(&source->reader, STREAM_CONTENTS, before, err);
}

void source_close(struct source *source)
{
	codec_close(source->codec);
	free(source->stored);
	free(source->plain);
}

static void tell(const struct source *source)
{
	if (source->moved_fd >= 0 &&
	    pwrite(source->moved_fd, &source->reader.bytes, sizeof source->reader.bytes, 0) < 0)
		return;
}

int source_next(struct source *source, struct err *err)
{
	struct stream_reader *reader = &source->reader;
	size_t n;

	while ((n = stream_reader_wants(reader)) > 0) {
		if (source->read(source, source->stored, n, err) < 0)
			return -err->code;
		source->taken += n;
		int r = stream_reader_take(reader, source->stored, err);
		if (r < 0 || r == STREAM_COMPLETE)
			return r < 0 ? r : 0;
		if (r != STREAM_CHUNK || reader->closed)
			continue;
		tell(source);
		return codec_expand(source->codec, &reader->chunk, source->stored, source->plain,
				    err) < 0
			       ? -err->code
			       : 1;
	}
	return 0;
}
