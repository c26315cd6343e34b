/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a stream. */
#include "stream/exactly.h"
#include "stream/run.h"

#include "base/scoped.h"

#include <inttypes.h>
#include <string.h>

/* Texts of one section: a header and settings, or one of the others. */
struct texts {
	struct text first, second;
};

static void texts_free(struct texts *texts)
{
	text_free(&texts->first);
	text_free(&texts->second);
}
#define scoped_texts __attribute__((cleanup(texts_free)))

/* Reads a section of texts; the reader then says which one it was. */
static int read_section(struct stream_in *in, struct stream_reader *reader, struct texts *texts,
			struct err *err)
{
	scoped_free char *bytes = malloc(STREAM_TEXT_MAX);
	size_t n;

	if (!bytes)
		return err_set(err, ENOMEM, "out of memory");
	while ((n = stream_reader_wants(reader)) > 0) {
		if (stream_read_exactly(in->fd, bytes, n, err) < 0)
			return -err->code;
		int r = stream_reader_take(reader, bytes, err);
		if (r < 0)
			return r;
		struct text *text = reader->texts == 1 ? &texts->first : &texts->second;
		if (r == STREAM_CHUNK && reader->chunk.stored &&
		    text_add_bytes(text, bytes, reader->chunk.stored) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(in->sum, reader->so_far, sizeof in->sum);
	return 0;
}

int stream_open(struct stream_in *in, struct stream_head *head, struct text *settings,
		struct err *err)
{
	scoped_texts struct texts texts = { 0 };
	struct stream_reader reader;

	in->volumes = in->bytes = 0;
	if (stream_reader_begin(&reader, STREAM_START, STREAM_NO_SUM, err) < 0 ||
	    read_section(in, &reader, &texts, err) < 0 ||
	    stream_head_parse(text_str(&texts.first), texts.first.length, head, err) < 0)
		return -err->code;
	*settings = texts.second;
	texts.second = (struct text){ 0 };
	return 0;
}

static int check_end(struct stream_in *in, const struct texts *texts, struct err *err)
{
	char byte;
	ssize_t n;

	if (stream_number(text_str(&texts->first)) != in->volumes)
		return err_set(err, EBADMSG, "it has not as many volumes as its end says");
	do
		n = read(in->fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(err, errno, "read it: %s", strerror(errno));
	return n == 0 ? 0 : err_set(err, EBADMSG, "something stands behind its end: it is damaged");
}

int stream_next(struct stream_in *in, struct stream_volume *volume, struct err *err)
{
	scoped_texts struct texts texts = { 0 };
	struct stream_reader reader;

	if (stream_reader_begin(&reader, STREAM_DESCRIPTION, in->sum, err) < 0 ||
	    read_section(in, &reader, &texts, err) < 0)
		return -err->code;
	if (reader.section == STREAM_ENDING)
		return check_end(in, &texts, err);
	in->volumes++;
	return stream_volume_parse(text_str(&texts.first), texts.first.length, volume, err) < 0
		       ? -err->code
		       : 1;
}

static int get_contents(struct stream_in *in, const char *const *words, int fd, int other_fd,
			int flags_fd, struct err *err)
{
	const struct stream_run run = {
		.words = words,
		.fd = in->fd,
		.mount_fd = fd,
		.other_fd = other_fd,
		.flags_fd = flags_fd,
		.before = in->bytes,
		.tick = in->tick,
		.tick_context = in->tick_context,
	};

	if (stream_run(&run, &in->report, err) < 0)
		return -err->code;
	memcpy(in->sum, in->report.sum, sizeof in->sum);
	in->bytes += in->report.bytes;
	return 0;
}

int stream_get(struct stream_in *in, int mount_fd, int other_fd, int flags_fd,
	       const struct idmap *map, struct err *err)
{
	char base[16], count[16];
	const char *const words[] = { "fill", base, count, in->sum, NULL };

	snprintf(base, sizeof base, "%" PRIu32, map->base);
	snprintf(count, sizeof count, "%" PRIu32, map->count);
	return get_contents(in, words, mount_fd, other_fd, flags_fd, err);
}

int stream_get_blocks(struct stream_in *in, int device_fd, const struct stream_volume *volume,
		      struct err *err)
{
	char size[32];
	const char *const words[] = { "fill-blocks", size, *volume->base ? "1" : "0", in->sum,
				      NULL };

	snprintf(size, sizeof size, "%" PRIu64, volume->size);
	return get_contents(in, words, device_fd, -1, -1, err);
}
