/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts which extents of a file system belong to which volume: what a volume refers to, and what only it refers to.
 * Pure. Volumes are counted one after the other.
 */
#ifndef BERTH_STORAGE_EXTENTS_H
#define BERTH_STORAGE_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

struct extent;

struct extents {
	struct extent *table; /* owned; open addressing */
	uint64_t room, count; /* room: a power of two */
	uint32_t volume;      /* the number of the current volume, from 1 on */
	uint64_t used;        /* bytes of the current volume so far */
	bool overflown;       /* there were too many extents; exclusive bytes are unknown */
	int64_t deadline;     /* of clock_ms(); 0: none */
};

void extents_free(struct extents *extents);
#define scoped_extents __attribute__((cleanup(extents_free)))

/* Begins the next volume. */
void extents_begin(struct extents *extents);

/*
 * Adds an extent of the current volume: its first byte, which identifies it, and its length. An extent counts once,
 * however often it is added. 0, -ENOMEM, or -ETIME after the deadline.
 */
int extents_add(struct extents *extents, uint64_t place, uint64_t bytes);

/* Whether the deadline is over; for a caller that finds no extents for long. */
bool extents_is_late(const struct extents *extents);

/*
 * Fills in the bytes that only volume N refers to, for each N; the array has one element more than there are volumes.
 */
void extents_alone(const struct extents *extents, uint64_t *alone);

#endif
