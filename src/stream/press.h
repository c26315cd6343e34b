/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compression of chunks by one process or by several, which give them back in their order. So a stream is the same,
 * whatever their number. Inside berth-stream only.
 */
#ifndef BERTH_STREAM_PRESS_H
#define BERTH_STREAM_PRESS_H

#include "stream/codec.h"

#include <stdbool.h>

struct press;

/*
 * confine: gives up rights in each further process, before it gets a byte; NULL: these processes keep theirs. The
 * caller owns the press; NULL, with the error: it could not be made.
 */
struct press *press_open(const struct stream_press *how, int (*confine)(struct err *),
			 struct err *err);
void press_close(struct press *press);

/* Whether no further chunk has room before one is taken; and whether there is one to take. */
bool press_is_full(const struct press *press);
bool press_has_any(const struct press *press);
/* Whether chunks are compressed beside the caller, which then has other work first. */
bool press_is_beside(const struct press *press);

/* Adds a chunk of at most STREAM_CHUNK_MAX bytes, which stay the caller's. 0 or -code. */
int press_add(struct press *press, const struct stream_chunk *chunk, const void *bytes,
	      struct err *err);
/* The oldest chunk, complete; its data stay valid until the next call. 0 or -code. */
int press_take(struct press *press, struct stream_chunk *chunk, const void **data, struct err *err);

#endif
