/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An archive's bytes without their compression, and every checksum that it carries looked at. */
#ifndef BERTH_IMAGE_DECODE_H
#define BERTH_IMAGE_DECODE_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct decoder;

/* Reads from fd, which stays the caller's; NULL: out of memory, else owned by the caller. */
struct decoder *decode_open(int fd);

/*
 * The next bytes, the decoder's until the next call; 0 at the end, which is only told once the whole of the
 * file was read, and found to be complete, with nothing behind it; -code with the cause in err.
 */
ssize_t decode_read(struct decoder *decoder, const void **bytes, struct err *err);

void decode_close(struct decoder *decoder);

#endif
