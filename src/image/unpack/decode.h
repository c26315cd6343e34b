/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decompresses an archive and checks each checksum in it. */
#ifndef BERTH_IMAGE_UNPACK_DECODE_H
#define BERTH_IMAGE_UNPACK_DECODE_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct decoder;
struct sha256;

/* Makes a decoder that reads from fd, which stays the caller's. The caller owns it; NULL: out of memory. */
struct decoder *decode_open(int fd);

/*
 * Reads the next bytes, which belong to the decoder until the next call. 0 at the end, but only if the file was read to
 * its end, is complete, and has nothing after its archive; or -code with err.
 */
ssize_t decode_read(struct decoder *decoder, const void **bytes, struct err *err);

/* Before the first read: adds all bytes of the file to raw, and what it decodes to plain. Both stay the caller's. */
void decode_sums(struct decoder *decoder, struct sha256 *raw, struct sha256 *plain);

void decode_close(struct decoder *decoder);

#endif
