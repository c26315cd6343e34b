/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/desktop/picture.h"

#include "machine/desktop/png.h"
#include "machine/desktop/rfb.h"
#include "machine/desktop/rfb_words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { SCREEN_MOST = 16384, TURNS_MOST = 64, PIECE = 4096, PIXEL = 4 };
enum { SECURITY_NONE = 1, SECURITY_MOST = 255 };

struct viewer {
	int in, out; /* borrowed */
	struct picture *picture;
	uint64_t seen; /* pixels */
	struct err *err;
};

static int refuse(const struct viewer *viewer, const char *why)
{
	return err_set(viewer->err, EPROTO, "the display %s", why);
}

static int get(const struct viewer *viewer, unsigned char *bytes, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = read(viewer->in, bytes + have, n - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return refuse(viewer, "has closed the connection");
		have += (size_t)got;
	}
	return 0;
}

static int put(const struct viewer *viewer, const void *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = write(viewer->out, (const unsigned char *)bytes + done, n - done);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return refuse(viewer, "has closed the connection");
		done += (size_t)r;
	}
	return 0;
}

static int skip(const struct viewer *viewer, uint64_t n)
{
	unsigned char piece[PIECE];

	while (n > 0) {
		size_t part = n < sizeof piece ? (size_t)n : sizeof piece;
		if (get(viewer, piece, part) < 0)
			return -EPROTO;
		n -= part;
	}
	return 0;
}

/* ---- The beginning */

static int prove(const struct viewer *viewer)
{
	unsigned char bytes[SECURITY_MOST + 1];

	if (get(viewer, bytes, RFB_VERSION) < 0)
		return -EPROTO;
	if (!rfb_is_version(bytes) || memcmp(bytes, "RFB 003.008\n", RFB_VERSION) < 0)
		return refuse(viewer, "does not speak version 3.8 of RFB");
	if (put(viewer, "RFB 003.008\n", RFB_VERSION) < 0 || get(viewer, bytes, 1) < 0)
		return -EPROTO;
	size_t count = bytes[0];
	if (get(viewer, bytes, count) < 0)
		return -EPROTO;
	if (!memchr(bytes, SECURITY_NONE, count))
		return refuse(viewer, "wants a password");
	/* The choice, and that the display is shared. */
	if (put(viewer, "\1", 1) < 0 || get(viewer, bytes, 4) < 0)
		return -EPROTO;
	return rfb_number32(bytes) != 0 ? refuse(viewer, "has refused") : put(viewer, "\1", 1);
}

/* The size of the picture: all of the screen, in the box, and no pixel larger than one of the screen. */
static void fit(struct picture *picture, unsigned width, unsigned height)
{
	unsigned wide = PICTURE_WIDE, high = PICTURE_HIGH;

	if (width * (uint64_t)PICTURE_HIGH > height * (uint64_t)PICTURE_WIDE)
		high = (unsigned)(height * (uint64_t)PICTURE_WIDE / width);
	else
		wide = (unsigned)(width * (uint64_t)PICTURE_HIGH / height);
	wide = wide < width ? wide : width;
	high = high < height ? high : height;
	*picture = (struct picture){ .screen_width = width,
				     .screen_height = height,
				     .width = wide > 0 ? wide : 1,
				     .height = high > 0 ? high : 1 };
}

static int begin(const struct viewer *viewer)
{
	/* 32 bits, little-endian, of which red, green and blue have 8; and raw pictures. */
	static const unsigned char wishes[] = { 0,  0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255,
						16, 8, 0, 0, 0,  0,  2, 0, 0, 1,   0, 0,   0, 0 };
	unsigned char head[24];

	if (get(viewer, head, sizeof head) < 0)
		return -EPROTO;
	unsigned width = rfb_number16(head), height = rfb_number16(head + 2);
	if (width == 0 || height == 0 || width > SCREEN_MOST || height > SCREEN_MOST)
		return refuse(viewer, "has a size that no screen has");
	fit(viewer->picture, width, height);
	return skip(viewer, rfb_number32(head + 20)) < 0 ? -EPROTO
							 : put(viewer, wishes, sizeof wishes);
}

/* ---- Pictures */

/* A row of pixels, from x on. */
static void add_row(struct picture *picture, unsigned x, unsigned y, const unsigned char *pixels,
		    unsigned count)
{
	struct picture_cell *row = picture->cells + (size_t)y * picture->height /
							    picture->screen_height * picture->width;

	for (unsigned i = 0; i < count; i++, pixels += PIXEL) {
		struct picture_cell *cell =
			row + (size_t)(x + i) * picture->width / picture->screen_width;
		cell->blue += pixels[0];
		cell->green += pixels[1];
		cell->red += pixels[2];
		cell->count++;
	}
}

static int take_rectangle(struct viewer *viewer)
{
	struct picture *picture = viewer->picture;
	unsigned char head[12], row[SCREEN_MOST * PIXEL];

	if (get(viewer, head, sizeof head) < 0)
		return -EPROTO;
	unsigned x = rfb_number16(head), y = rfb_number16(head + 2), width = rfb_number16(head + 4),
		 height = rfb_number16(head + 6);
	if (rfb_number32(head + 8) != RFB_RAW || x + width > picture->screen_width ||
	    y + height > picture->screen_height)
		return refuse(viewer, "draws what was not asked for");
	for (unsigned i = 0; width > 0 && i < height; i++) {
		if (get(viewer, row, width * (size_t)PIXEL) < 0)
			return -EPROTO;
		add_row(picture, x, y + i, row, width);
	}
	viewer->seen += width * (uint64_t)height;
	return 0;
}

static int take_update(struct viewer *viewer)
{
	unsigned char head[3];

	if (get(viewer, head, sizeof head) < 0)
		return -EPROTO;
	for (unsigned count = rfb_number16(head + 1); count > 0; count--) {
		if (take_rectangle(viewer) < 0)
			return -EPROTO;
	}
	return 0;
}

/* The messages up to the end of the next update. */
static int take_messages(struct viewer *viewer)
{
	enum { UPDATE = 0, COLOURS = 1, BELL = 2, CUT_TEXT = 3 };
	unsigned char head[8];

	for (unsigned i = 0; i < TURNS_MOST; i++) {
		if (get(viewer, head, 1) < 0)
			return -EPROTO;
		switch (head[0]) {
		case UPDATE:
			return take_update(viewer);
		case BELL:
			break;
		case COLOURS:
			if (get(viewer, head + 1, 5) < 0 ||
			    skip(viewer, 6 * (uint64_t)rfb_number16(head + 4)) < 0)
				return -EPROTO;
			break;
		case CUT_TEXT:
			if (get(viewer, head + 1, 7) < 0 ||
			    skip(viewer, rfb_text_body(head, sizeof head)) < 0)
				return -EPROTO;
			break;
		default:
			return refuse(viewer, "says what is not known");
		}
	}
	return refuse(viewer, "shows nothing");
}

int picture_draw(int in, int out, struct picture *picture, struct err *err)
{
	struct viewer viewer = { .in = in, .out = out, .picture = picture, .err = err };
	unsigned char request[10] = { 3 };

	if (prove(&viewer) < 0 || begin(&viewer) < 0)
		return -EPROTO;
	for (unsigned at = 0; at < 2; at++) {
		unsigned size = at ? picture->screen_height : picture->screen_width;
		request[6 + 2 * at] = (unsigned char)(size >> 8);
		request[7 + 2 * at] = (unsigned char)size;
	}
	/* A display may show itself piece by piece. */
	uint64_t all = (uint64_t)picture->screen_width * picture->screen_height;
	for (unsigned i = 0; viewer.seen < all && i < TURNS_MOST; i++) {
		request[1] = i > 0;
		if (put(&viewer, request, sizeof request) < 0 || take_messages(&viewer) < 0)
			return -EPROTO;
	}
	return viewer.seen == 0 ? refuse(&viewer, "shows nothing") : 0;
}

size_t picture_write(const struct picture *picture, unsigned char *png)
{
	unsigned char rows[PICTURE_HIGH * (1 + 3 * PICTURE_WIDE)], *at = rows;

	for (unsigned y = 0; y < picture->height; y++) {
		*at++ = 0;
		for (unsigned x = 0; x < picture->width; x++) {
			const struct picture_cell *cell =
				&picture->cells[(size_t)y * picture->width + x];
			uint64_t count = cell->count ? cell->count : 1;
			*at++ = (unsigned char)(cell->red / count);
			*at++ = (unsigned char)(cell->green / count);
			*at++ = (unsigned char)(cell->blue / count);
		}
	}
	return png_write(rows, picture->width, picture->height, png);
}
