/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/format.h"

#include "base/bytes.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

/* A chunk as it is in the stream; all numbers are little-endian. */
struct raw_head {
	uint8_t type, codec, zero[2];
	uint32_t stored, plain, zeros;
	uint64_t offset;
};
_Static_assert(sizeof(struct raw_head) == STREAM_HEAD, "the head of a chunk has no padding");

static const char damaged[] =
	"it is damaged: it was changed after it was written, or is not complete";

uint64_t stream_number(const void *bytes)
{
	return bytes_le64(bytes);
}

void stream_put_number(uint8_t out[8], uint64_t number)
{
	number = htole64(number);
	memcpy(out, &number, sizeof number);
}

int stream_reader_begin(struct stream_reader *reader, enum stream_section section,
			const char *before, struct err *err)
{
	*reader = (struct stream_reader){ .section = section };
	if (sha256_begin(&reader->sum, err) < 0)
		return -err->code;
	sha256_add(&reader->sum, before, strlen(before));
	reader->magic = section == STREAM_START;
	return 0;
}

size_t stream_reader_wants(const struct stream_reader *reader)
{
	if (reader->done)
		return 0;
	if (reader->magic)
		return STREAM_MAGIC_SIZE;
	return reader->in_data ? reader->chunk.stored : STREAM_HEAD;
}

static int refuse(struct err *err)
{
	return err_set(err, EBADMSG, "%s", damaged);
}

static int take_magic(struct stream_reader *reader, const char *bytes, struct err *err)
{
	/* The version is between the name and the newline. */
	enum { NAME = 13 };

	if (memcmp(bytes, STREAM_MAGIC, NAME) != 0)
		return err_set(err, EINVAL, "it is not a stream of 'berth export'");
	if (memcmp(bytes, STREAM_MAGIC, STREAM_MAGIC_SIZE) != 0)
		return err_set(
			err, EPROTONOSUPPORT,
			"it is of another version of the format than this berth reads, which "
			"is 01: export it again with this version of berth, or import it with "
			"the one that wrote it");
	sha256_add(&reader->sum, bytes, STREAM_MAGIC_SIZE);
	reader->magic = false;
	return STREAM_MORE;
}

/* The type of the only chunk, or of the first, that a section of texts may have. */
static enum stream_type text_of(const struct stream_reader *reader)
{
	if (reader->section == STREAM_START)
		return reader->texts == 0 ? STREAM_HEADER : STREAM_SETTINGS;
	return reader->section == STREAM_DESCRIPTION ? STREAM_VOLUME : STREAM_END;
}

static bool text_fits(struct stream_reader *reader)
{
	const struct stream_chunk *chunk = &reader->chunk;

	/* The stream may have no further volume. */
	if (reader->section == STREAM_DESCRIPTION && chunk->type == STREAM_END)
		reader->section = STREAM_ENDING;
	if (chunk->type != text_of(reader) || chunk->codec != STREAM_NONE || chunk->offset != 0 ||
	    chunk->plain > STREAM_TEXT_MAX)
		return false;
	if (chunk->type == STREAM_END && chunk->plain != 8)
		return false;
	reader->texts++;
	reader->closed = chunk->type != STREAM_HEADER;
	return true;
}

/* Contents are either a tree or blocks. */
static bool form_fits(struct stream_reader *reader, enum stream_type form)
{
	if (!reader->form)
		reader->form = form;
	return reader->form == form;
}

static bool contents_fit(struct stream_reader *reader)
{
	const struct stream_chunk *chunk = &reader->chunk;

	switch (chunk->type) {
	case STREAM_TREE:
		return form_fits(reader, STREAM_TREE) && chunk->plain > 0 &&
		       chunk->offset == reader->next;
	case STREAM_REMOVED:
		return form_fits(reader, STREAM_TREE) && chunk->plain > 0 && chunk->offset == 0;
	case STREAM_DATA:
		return form_fits(reader, STREAM_DATA) && chunk->plain > 0 &&
		       chunk->offset >= reader->next && chunk->offset <= UINT64_MAX - chunk->plain;
	case STREAM_HOLE:
		return form_fits(reader, STREAM_DATA) && chunk->plain == 8 &&
		       chunk->codec == STREAM_NONE && chunk->offset >= reader->next;
	case STREAM_CLOSE:
		reader->closed = true;
		return chunk->plain == 16 && chunk->codec == STREAM_NONE && chunk->offset == 0;
	case STREAM_PART:
		reader->closed = true;
		return chunk->plain > 0 && chunk->plain <= STREAM_POINT_MAX &&
		       chunk->codec == STREAM_NONE && chunk->offset == 0;
	case STREAM_HEADER:
	case STREAM_SETTINGS:
	case STREAM_VOLUME:
	case STREAM_END:
	case STREAM_SUM:
	default:
		return false;
	}
}

static bool chunk_fits(struct stream_reader *reader)
{
	const struct stream_chunk *chunk = &reader->chunk;

	if (chunk->codec >= STREAM_CODECS || chunk->plain > STREAM_CHUNK_MAX ||
	    chunk->stored > STREAM_STORED_MAX || (chunk->plain > 0) != (chunk->stored > 0) ||
	    (chunk->codec == STREAM_NONE && chunk->stored != chunk->plain))
		return false;
	if (reader->closed)
		return chunk->type == STREAM_SUM && chunk->codec == STREAM_NONE &&
		       chunk->plain == SHA256_HEX && chunk->offset == 0;
	return reader->section == STREAM_CONTENTS ? contents_fit(reader) : text_fits(reader);
}

static int take_head(struct stream_reader *reader, const void *bytes, struct err *err)
{
	struct raw_head raw;

	memcpy(&raw, bytes, sizeof raw);
	reader->chunk = (struct stream_chunk){
		.type = raw.type,
		.codec = raw.codec,
		.stored = le32toh(raw.stored),
		.plain = le32toh(raw.plain),
		.offset = le64toh(raw.offset),
	};
	if (raw.zero[0] || raw.zero[1] || raw.zeros || !chunk_fits(reader))
		return refuse(err);
	/* The head of the sum belongs to what is summed up. */
	sha256_add(&reader->sum, bytes, STREAM_HEAD);
	reader->in_data = reader->chunk.stored > 0;
	if (reader->in_data)
		return STREAM_MORE;
	return STREAM_CHUNK;
}

bool stream_point_is(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != ':')
			return false;
	}
	return length > 0 && length <= STREAM_POINT_MAX;
}

static int take_point(struct stream_reader *reader, const char *bytes, struct err *err)
{
	if (!stream_point_is(bytes, reader->chunk.stored))
		return refuse(err);
	memcpy(reader->point, bytes, reader->chunk.stored);
	reader->point[reader->chunk.stored] = '\0';
	return STREAM_CHUNK;
}

/* Offsets grow, so that no byte of a volume comes twice. */
static int count(struct stream_reader *reader, const void *bytes, struct err *err)
{
	const struct stream_chunk *chunk = &reader->chunk;
	uint64_t length = chunk->type == STREAM_HOLE ? stream_number(bytes) : chunk->plain;

	if (chunk->type == STREAM_PART)
		return take_point(reader, bytes, err);
	if (chunk->type == STREAM_CLOSE)
		return stream_number(bytes) == reader->chunks &&
				       stream_number((const char *)bytes + 8) == reader->bytes
			       ? STREAM_CHUNK
			       : refuse(err);
	if (length == 0 || length > UINT64_MAX - chunk->offset)
		return refuse(err);
	reader->chunks++;
	reader->bytes += chunk->plain;
	if (chunk->type != STREAM_REMOVED)
		reader->next = chunk->offset + length;
	return STREAM_CHUNK;
}

int stream_reader_take(struct stream_reader *reader, const void *bytes, struct err *err)
{
	if (reader->magic)
		return take_magic(reader, bytes, err);
	if (!reader->in_data)
		return take_head(reader, bytes, err);
	reader->in_data = false;
	if (reader->chunk.type == STREAM_SUM) {
		sha256_end(&reader->sum, reader->so_far);
		reader->done = true;
		return memcmp(reader->so_far, bytes, SHA256_HEX) == 0 ? STREAM_COMPLETE
								      : refuse(err);
	}
	sha256_add(&reader->sum, bytes, reader->chunk.stored);
	return reader->section == STREAM_CONTENTS ? count(reader, bytes, err) : STREAM_CHUNK;
}

int stream_writer_begin(struct stream_writer *writer, const char *before, struct err *err)
{
	*writer = (struct stream_writer){ 0 };
	if (sha256_begin(&writer->sum, err) < 0)
		return -err->code;
	sha256_add(&writer->sum, before, strlen(before));
	return 0;
}

void stream_writer_magic(struct stream_writer *writer)
{
	sha256_add(&writer->sum, STREAM_MAGIC, STREAM_MAGIC_SIZE);
}

static void print_head(const struct stream_chunk *chunk, uint8_t head[STREAM_HEAD])
{
	const struct raw_head raw = {
		.type = (uint8_t)chunk->type,
		.codec = (uint8_t)chunk->codec,
		.stored = htole32(chunk->stored),
		.plain = htole32(chunk->plain),
		.offset = htole64(chunk->offset),
	};

	memcpy(head, &raw, sizeof raw);
}

void stream_writer_add(struct stream_writer *writer, const struct stream_chunk *chunk,
		       const void *stored, uint8_t head[STREAM_HEAD])
{
	print_head(chunk, head);
	sha256_add(&writer->sum, head, STREAM_HEAD);
	sha256_add(&writer->sum, stored, chunk->stored);
	writer->chunks++;
	writer->bytes += chunk->plain;
}

void stream_writer_close(struct stream_writer *writer, uint8_t out[STREAM_CLOSE_SIZE])
{
	const struct stream_chunk chunk = { .type = STREAM_CLOSE, .stored = 16, .plain = 16 };

	stream_put_number(out + STREAM_HEAD, writer->chunks);
	stream_put_number(out + STREAM_HEAD + 8, writer->bytes);
	stream_writer_add(writer, &chunk, out + STREAM_HEAD, out);
}

void stream_writer_end(struct stream_writer *writer, uint8_t out[STREAM_SUM_SIZE],
		       char sum[SHA256_HEX + 1])
{
	const struct stream_chunk chunk = {
		.type = STREAM_SUM,
		.stored = SHA256_HEX,
		.plain = SHA256_HEX,
	};

	print_head(&chunk, out);
	sha256_add(&writer->sum, out, STREAM_HEAD);
	sha256_end(&writer->sum, sum);
	memcpy(out + STREAM_HEAD, sum, SHA256_HEX);
}
