/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/desktop/png.h"

#include <string.h>

static unsigned char *put32(unsigned char *at, uint32_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (unsigned char)(number >> shift);
	return at;
}

static uint32_t crc_of(const unsigned char *bytes, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static uint32_t adler_of(const unsigned char *bytes, size_t n)
{
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < n; i++) {
		a = (a + bytes[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

/* A chunk whose n bytes stand behind its length and its name already. Where the next one begins. */
static unsigned char *end_chunk(unsigned char *chunk, const char *name, size_t n)
{
	put32(chunk, (uint32_t)n);
	memcpy(chunk + 4, name, 4);
	return put32(chunk + 8 + n, crc_of(chunk + 4, n + 4));
}

size_t png_write(const unsigned char *rows, unsigned width, unsigned height, unsigned char *png)
{
	static const unsigned char signature[] = "\211PNG\r\n\032\n";
	/* 8 bits of red, green and blue. */
	static const unsigned char kind[] = { 8, 2, 0, 0, 0 };
	size_t n = height * (1 + 3 * (size_t)width);
	unsigned char *chunk = png + 8, *at;

	memcpy(png, signature, 8);
	at = put32(put32(chunk + 8, width), height);
	memcpy(at, kind, sizeof kind);
	chunk = end_chunk(chunk, "IHDR", 13);
	/* One block that is stored, and is the last. */
	const unsigned char head[] = { 0x78,
				       1,
				       1,
				       (unsigned char)n,
				       (unsigned char)(n >> 8),
				       (unsigned char)~n,
				       (unsigned char)(~n >> 8) };
	memcpy(chunk + 8, head, sizeof head);
	memcpy(chunk + 8 + sizeof head, rows, n);
	put32(chunk + 8 + sizeof head + n, adler_of(rows, n));
	chunk = end_chunk(chunk, "IDAT", sizeof head + n + 4);
	return (size_t)(end_chunk(chunk, "IEND", 0) - png);
}
