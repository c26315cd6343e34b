/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small picture of what a display shows, as a file of the format PNG. */
#ifndef BERTH_MACHINE_DESKTOP_PICTURE_H
#define BERTH_MACHINE_DESKTOP_PICTURE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* The box that a picture fits into, and the bytes that one has at most. */
enum { PICTURE_WIDE = 160, PICTURE_HIGH = 100, PICTURE_MOST = 65536 };

/* Sums of the pixels of a screen that become one of the picture. */
struct picture_cell {
	uint64_t red, green, blue, count;
};

struct picture {
	unsigned screen_width, screen_height;
	unsigned width, height;
	struct picture_cell cells[PICTURE_WIDE * PICTURE_HIGH];
};

/*
 * Speaks RFB with a display whose greeting was not read yet, as a viewer that only looks, and fills the picture in. It
 * waits as long as the display does: the caller has a deadline. out: the same as in, or another descriptor. -EPROTO: it
 * does not speak so that we understand it.
 */
int picture_draw(int in, int out, struct picture *picture, struct err *err);

/* Writes it into room for PICTURE_MOST bytes. The number of bytes. Pure. */
size_t picture_write(const struct picture *picture, unsigned char *png);

#endif
