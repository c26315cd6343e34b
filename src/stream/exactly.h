/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a stream no further than is needed. */
#ifndef BERTH_STREAM_EXACTLY_H
#define BERTH_STREAM_EXACTLY_H

#include "base/err.h"

#include <stddef.h>

/* Reads exactly n bytes. 0 or -code; -EBADMSG: the stream ends before. */
int stream_read_exactly(int fd, void *out, size_t n, struct err *err);

#endif
