/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A state machine for frames. */
#include "gateway/websocket.h"

#include "base/bytes.h"
#include "base/text.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

enum {
	END = 0x80,      /* of the first byte: the last frame of a message */
	RESERVED = 0x70, /* of the first byte: of extensions, of which we have none */
	MASKED = 0x80,   /* of the second byte */
	SHORT = 126,     /* the length is in two bytes that follow, */
	LONG = 127,      /* or in eight */
	MASK = 4,
	KEY = 16,
};

static bool is_control(enum websocket_opcode opcode)
{
	return opcode >= WEBSOCKET_CLOSE;
}

static size_t fail(struct websocket *reader, struct websocket_event *event, unsigned cause)
{
	reader->closed = true;
	*event = (struct websocket_event){ .kind = WEBSOCKET_FAULT, .cause = cause };
	return 0;
}

/* The bytes of a head of which some are there. */
static size_t head_size(const struct websocket *reader)
{
	if (reader->have < 2)
		return 2;
	unsigned length = reader->head[1] & ~MASKED & 0xff;
	return 2 + MASK + (length == LONG ? 8 : length == SHORT ? 2 : 0);
}

/* Whether the first two bytes may begin a frame here. */
static bool is_fitting(const struct websocket *reader)
{
	unsigned first = reader->head[0], opcode = first & 0x0f, length = reader->head[1] & 0x7f;

	/* A client masks, and nobody negotiated an extension. */
	if (first & RESERVED || !(reader->head[1] & MASKED))
		return false;
	switch (opcode) {
	case WEBSOCKET_MORE:
		return reader->message != WEBSOCKET_MORE;
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		return reader->message == WEBSOCKET_MORE;
	case WEBSOCKET_CLOSE:
	case WEBSOCKET_PING:
	case WEBSOCKET_PONG:
		return first & END && length <= WEBSOCKET_CONTROL;
	default:
		return false;
	}
}

/* The head is whole. Whether its length is one. */
static bool begin_frame(struct websocket *reader)
{
	unsigned length = reader->head[1] & 0x7f;

	reader->frame = reader->head[0] & 0x0f;
	reader->ends = reader->head[0] & END;
	reader->left = length == LONG    ? bytes_be64(reader->head + 2)
		       : length == SHORT ? bytes_be16(reader->head + 2)
					 : length;
	memmove(reader->head, reader->head + reader->have - MASK, MASK);
	reader->have = 0;
	reader->masked = 0;
	reader->in_frame = true;
	reader->carried = 0;
	if (!is_control(reader->frame) && reader->frame != WEBSOCKET_MORE)
		reader->message = reader->frame;
	return reader->left <= INT64_MAX;
}

/* Takes one byte of a text. False: it is none (RFC 3629). */
static bool take_character(struct websocket *reader, unsigned char byte)
{
	if (reader->utf8_left == 0) {
		if (byte < 0x80)
			return true;
		if (byte < 0xc2 || byte > 0xf4)
			return false;
		reader->utf8_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
		reader->lowest = byte < 0xe0 ? 0x80 : byte < 0xf0 ? 0x800 : 0x10000;
		reader->utf8 = byte & (0x3fU >> reader->utf8_left);
		return true;
	}
	if ((byte & 0xc0) != 0x80)
		return false;
	reader->utf8 = reader->utf8 << 6 | (byte & 0x3f);
	reader->utf8_left--;
	/* Seen as early as it is certain: no later byte makes it good. */
	uint32_t low = reader->utf8 << (6 * reader->utf8_left);
	uint32_t high = low | ((1U << (6 * reader->utf8_left)) - 1);
	return high >= reader->lowest && low <= 0x10ffff && (high < 0xd800 || low > 0xdfff);
}

static bool is_text(struct websocket *reader, const unsigned char *bytes, size_t n, bool last)
{
	for (size_t i = 0; i < n; i++)
		if (!take_character(reader, bytes[i]))
			return false;
	return !last || reader->utf8_left == 0;
}

/* What a close may say as its cause. */
static bool is_cause(unsigned cause)
{
	return (cause >= 1000 && cause <= 1003) || (cause >= 1007 && cause <= 1014) ||
	       (cause >= 3000 && cause <= 4999);
}

static void end_by_close(struct websocket *reader, struct websocket_event *event)
{
	/* The text of a close has nothing to do with that of a message that is going on. */
	struct websocket text = { 0 };
	unsigned cause = WEBSOCKET_NO_CAUSE;

	if (reader->carried >= 2)
		cause = bytes_be16(reader->control);
	if (reader->carried == 1 || (reader->carried >= 2 && !is_cause(cause))) {
		fail(reader, event, WEBSOCKET_PROTOCOL);
		return;
	}
	if (reader->carried > 2 &&
	    !is_text(&text, reader->control + 2, reader->carried - 2, true)) {
		fail(reader, event, WEBSOCKET_NO_TEXT);
		return;
	}
	reader->closed = true;
	*event = (struct websocket_event){ .kind = WEBSOCKET_ENDS, .cause = cause };
}

static void end_control(struct websocket *reader, struct websocket_event *event)
{
	reader->in_frame = false;
	if (reader->frame == WEBSOCKET_CLOSE) {
		end_by_close(reader, event);
		return;
	}
	*event = (struct websocket_event){
		.kind = reader->frame == WEBSOCKET_PING ? WEBSOCKET_ASKS : WEBSOCKET_ANSWERS,
		.data = reader->control,
		.length = reader->carried,
	};
}

/* Takes n bytes of what a frame carries, which are there. */
static void take_bytes(struct websocket *reader, unsigned char *bytes, size_t n,
		       struct websocket_event *event)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] ^= reader->head[(reader->masked + i) % MASK];
	reader->masked = (reader->masked + n) % MASK;
	reader->left -= n;
	if (is_control(reader->frame)) {
		memcpy(reader->control + reader->carried, bytes, n);
		reader->carried += n;
		if (reader->left == 0)
			end_control(reader, event);
		return;
	}
	bool last = reader->left == 0 && reader->ends, text = reader->message == WEBSOCKET_TEXT;
	if (text && !is_text(reader, bytes, n, last)) {
		fail(reader, event, WEBSOCKET_NO_TEXT);
		return;
	}
	if (reader->left == 0)
		reader->in_frame = false;
	if (last)
		reader->message = WEBSOCKET_MORE;
	*event = (struct websocket_event){
		.kind = n > 0 || last ? WEBSOCKET_DATA : WEBSOCKET_NOTHING,
		.text = text,
		.last = last,
		.data = bytes,
		.length = n,
	};
}

size_t websocket_read(struct websocket *reader, unsigned char *bytes, size_t n,
		      struct websocket_event *event)
{
	size_t done = 0;

	*event = (struct websocket_event){ .kind = WEBSOCKET_NOTHING };
	if (reader->closed)
		return n;
	while (!reader->in_frame) {
		if (done == n)
			return done;
		reader->head[reader->have++] = bytes[done++];
		if (reader->have == 2 && !is_fitting(reader))
			return done + fail(reader, event, WEBSOCKET_PROTOCOL);
		if (reader->have >= 2 && reader->have == head_size(reader) && !begin_frame(reader))
			return done + fail(reader, event, WEBSOCKET_TOO_BIG);
	}
	size_t most = n - done < reader->left ? n - done : (size_t)reader->left;
	/* A frame that is empty is over with its head. */
	if (most == 0 && reader->left > 0)
		return done;
	take_bytes(reader, bytes + done, most, event);
	return done + most;
}

size_t websocket_head(unsigned char *out, enum websocket_opcode opcode, uint64_t length)
{
	size_t bytes = length < SHORT ? 0 : length <= UINT16_MAX ? 2 : 8;

	out[0] = (unsigned char)(END | opcode);
	out[1] = (unsigned char)(bytes == 0 ? length : bytes == 2 ? SHORT : LONG);
	for (size_t i = 0; i < bytes; i++)
		out[2 + i] = (unsigned char)(length >> (8 * (bytes - 1 - i)));
	return 2 + bytes;
}

int websocket_accept(const char *key, char *out)
{
	static const char constant[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct base64_decode_ctx decoder;
	struct sha1_ctx sum;
	uint8_t digest[SHA1_DIGEST_SIZE], bytes[BASE64_DECODE_LENGTH(32)];
	size_t n = sizeof bytes, length = strlen(key);

	base64_decode_init(&decoder);
	if (length > 32 || !base64_decode_update(&decoder, &n, bytes, length, key) ||
	    !base64_decode_final(&decoder) || n != KEY)
		return -EINVAL;
	sha1_init(&sum);
	sha1_update(&sum, length, (const uint8_t *)key);
	sha1_update(&sum, strlen(constant), (const uint8_t *)constant);
	sha1_digest(&sum, sizeof digest, digest);
	base64_encode_raw(out, sizeof digest, digest);
	out[WEBSOCKET_ACCEPT - 1] = '\0';
	return 0;
}
