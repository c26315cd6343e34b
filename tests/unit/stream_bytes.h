/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream in memory, read to its end as berth and berth-stream do it together; for tests and fuzzing. */
#ifndef BERTH_TESTS_STREAM_BYTES_H
#define BERTH_TESTS_STREAM_BYTES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* What was read: chunks of contents, and the bytes in them. */
struct stream_seen {
	unsigned volumes, chunks;
	uint64_t bytes;
};

/* 0, or -code: it is damaged, or not a stream, or something stands behind its end. */
int stream_bytes_read(const uint8_t *bytes, size_t size, struct stream_seen *seen, struct err *err);

#endif
