/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last bytes of a stream, addressed by their place in it: every reader keeps a place of its own. */
#ifndef BERTH_KEEPER_RING_H
#define BERTH_KEEPER_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	char *data; /* owned */
	size_t size;
	uint64_t end; /* bytes that ever went in */
};

int ring_open(struct ring *ring, size_t size); /* 0 or -ENOMEM */
void ring_close(struct ring *ring);
void ring_add(struct ring *ring, const char *data, size_t n);

/* The oldest place that is still there. */
uint64_t ring_start(const struct ring *ring);

/*
 * Bytes at *place (moved up to the oldest if that has been overwritten), contiguous ones only; 0 at
 * the end. The pointer is good until the next ring_add.
 */
size_t ring_peek(const struct ring *ring, uint64_t *place, const char **data);

#endif
