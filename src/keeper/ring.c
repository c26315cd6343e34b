/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ring_open(struct ring *ring, size_t size)
{
	*ring = (struct ring){ .data = malloc(size), .size = size };
	return ring->data ? 0 : -ENOMEM;
}

void ring_close(struct ring *ring)
{
	free(ring->data);
	*ring = (struct ring){ 0 };
}

void ring_add(struct ring *ring, const char *data, size_t n)
{
	if (n > ring->size) {
		ring->end += n - ring->size;
		data += n - ring->size;
		n = ring->size;
	}
	size_t at = ring->end % ring->size;
	size_t first = n < ring->size - at ? n : ring->size - at;
	memcpy(ring->data + at, data, first);
	memcpy(ring->data, data + first, n - first);
	ring->end += n;
}

uint64_t ring_start(const struct ring *ring)
{
	return ring->end > ring->size ? ring->end - ring->size : 0;
}

size_t ring_peek(const struct ring *ring, uint64_t *place, const char **data)
{
	if (*place < ring_start(ring))
		*place = ring_start(ring);
	size_t at = *place % ring->size;
	size_t n = (size_t)(ring->end - *place);
	if (n > ring->size - at)
		n = ring->size - at;
	*data = ring->data + at;
	return n;
}
