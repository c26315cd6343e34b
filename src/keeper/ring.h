/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last bytes of a stream, addressed by their offset in it; each reader keeps an offset of its own. */
#ifndef BERTH_KEEPER_RING_H
#define BERTH_KEEPER_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	char *data; /* owned */
	size_t size;
	uint64_t end; /* bytes added so far */
};

int ring_open(struct ring *ring, size_t size); /* 0 or -ENOMEM */
void ring_close(struct ring *ring);
void ring_add(struct ring *ring, const char *data, size_t n);

/* The oldest offset that is still available. */
uint64_t ring_start(const struct ring *ring);

/*
 * Points *data to contiguous bytes at *place (increased to the oldest offset if those were overwritten) and returns
 * their number; 0 at the end. Valid until the next ring_add.
 */
size_t ring_peek(const struct ring *ring, uint64_t *place, const char **data);

#endif
