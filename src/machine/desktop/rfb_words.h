/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of RFB for both filters: numbers, encodings, bodies, and texts of the clipboard. Pure. */
#ifndef BERTH_MACHINE_DESKTOP_RFB_WORDS_H
#define BERTH_MACHINE_DESKTOP_RFB_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Encodings, and what a viewer says by the same numbers. */
enum {
	RFB_RAW = 0,
	RFB_COPY = 1,
	RFB_ZLIB = 6,
	RFB_ZRLE = 16,
	RFB_SIZE = -223,
	RFB_LAST = -224,
	RFB_CURSOR = -239,
	RFB_QEMU_KEYS = -258,
	RFB_LIGHTS = -261,
	RFB_NAME = -307,
	RFB_SCREENS = -308,
	RFB_XVP = -309,
	RFB_FENCE = -312,
	RFB_UPDATES = -313,
	RFB_POINTER = -316,
	RFB_TEXTS = (int32_t)0xc0a1e5ce, /* the extended clipboard */
	RFB_UNUSED = 0x6265727f,         /* of nobody */
};

static inline uint16_t rfb_number16(const unsigned char *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t rfb_number32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/*
 * Takes bytes of a body, of which *left are still to come, and writes them out unless the body is dropped. The number of
 * bytes that were taken.
 */
static inline size_t rfb_take_body(uint64_t *left, bool dropped, const unsigned char *bytes,
				   size_t n, unsigned char *out)
{
	size_t taken = *left < n ? (size_t)*left : n;

	if (!dropped)
		memcpy(out, bytes, taken);
	*left -= taken;
	return taken;
}

/*
 * A text has a head of 8 bytes with its length. A negative length is that of the extended clipboard, whose flags are the
 * next four bytes; head: have bytes of it.
 */
static inline bool rfb_text_is_extended(const unsigned char *head, size_t have)
{
	return have >= 8 && head[4] & 0x80 && (uint32_t)-rfb_number32(head + 4) >= 4;
}

/* The bytes of a text behind a head of have bytes. */
static inline uint64_t rfb_text_body(const unsigned char *head, size_t have)
{
	uint32_t length = rfb_number32(head + 4);

	return (length & 0x80000000 ? (uint32_t)-length : length) - (uint64_t)(have - 8);
}

/* Whether an extended message tells a text or that there is one; others ask for it, or tell what a side can do. */
static inline bool rfb_text_is_told(const unsigned char *head)
{
	enum { CAN = 1 << 24, NOTIFIES = 1 << 27, PROVIDES = 1 << 28 };
	uint32_t flags = rfb_number32(head + 8);

	return !(flags & CAN) && flags & (NOTIFIES | PROVIDES);
}

#endif
