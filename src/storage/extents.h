/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pieces of a file system belong to which volume, to tell what a volume refers to and what it has alone. Pure.
 * Volumes are counted one after the other.
 */
#ifndef BERTH_STORAGE_EXTENTS_H
#define BERTH_STORAGE_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

struct extent;

struct extents {
	struct extent *table; /* owned; open addressing */
	uint64_t room, count; /* room: a power of two */
	uint32_t volume;      /* the number of the one that is counted now, from 1 on */
	uint64_t used;        /* bytes of that one so far */
	bool overflown;       /* there were more than are kept, and what is alone is not known */
	int64_t deadline;     /* of clock_ms(); 0: none */
};

void extents_free(struct extents *extents);
#define scoped_extents __attribute__((cleanup(extents_free)))

/* The next volume. */
void extents_begin(struct extents *extents);

/*
 * The current volume refers to bytes at that place, which is their name: counted once, however often it is met.
 * 0, -ENOMEM, or -ETIME after the deadline.
 */
int extents_add(struct extents *extents, uint64_t place, uint64_t bytes);

/* Whether the deadline is over; for who finds nothing to add. */
bool extents_is_late(const struct extents *extents);

/* Bytes that nobody shares, by the volumes' numbers: alone has one more than there were. */
void extents_alone(const struct extents *extents, uint64_t *alone);

#endif
