/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures in the format PNG (RFC 2083), whose data are not compressed (RFC 1950, 1951). Pure. */
#ifndef BERTH_MACHINE_DESKTOP_PNG_H
#define BERTH_MACHINE_DESKTOP_PNG_H

#include <stddef.h>
#include <stdint.h>

/*
 * rows: for each row a byte of 0, and three bytes for each pixel; fewer than 65536 bytes in all. png has room for
 * PNG_ADDED more. The number of bytes.
 */
enum { PNG_ADDED = 68 };
size_t png_write(const unsigned char *rows, unsigned width, unsigned height, unsigned char *png);

#endif
