/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/extents.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

struct extent {
	uint64_t place;
	uint32_t units; /* of 512 bytes */
	uint32_t
		last; /* last volume that referred to it, SHARED if an earlier one did too; 0: free */
};

#define SHARED (1U << 31)

/* 256 MiB of them. */
enum { ROOM_FIRST = 1 << 12, ROOM_MAX = 1 << 24, UNIT = 512 };

void extents_free(struct extents *extents)
{
	free(extents->table);
	*extents = (struct extents){ 0 };
}

void extents_begin(struct extents *extents)
{
	extents->volume++;
	extents->used = 0;
}

static struct extent *find(const struct extents *extents, uint64_t place)
{
	uint64_t at = place * 0x9e3779b97f4a7c15ULL;

	for (at ^= at >> 32;; at++) {
		struct extent *extent = &extents->table[at & (extents->room - 1)];
		if (extent->last == 0 || extent->place == place)
			return extent;
	}
}

/* -EOVERFLOW: the limit of extents is reached. */
static int grow(struct extents *extents)
{
	struct extents larger = *extents;

	if (extents->room && extents->count < extents->room / 4 * 3)
		return 0;
	if (extents->room == ROOM_MAX)
		return -EOVERFLOW;
	larger.room = extents->room ? extents->room * 2 : ROOM_FIRST;
	larger.table = calloc(larger.room, sizeof *larger.table);
	if (!larger.table)
		return -ENOMEM;
	for (uint64_t i = 0; i < extents->room; i++) {
		if (extents->table[i].last)
			*find(&larger, extents->table[i].place) = extents->table[i];
	}
	free(extents->table);
	*extents = larger;
	return 0;
}

bool extents_is_late(const struct extents *extents)
{
	return extents->deadline && clock_ms() > extents->deadline;
}

int extents_add(struct extents *extents, uint64_t place, uint64_t bytes)
{
	int r = grow(extents);

	if (r == -ENOMEM)
		return r;
	if (extents_is_late(extents))
		return -ETIME;
	struct extent *extent = find(extents, place);
	if (!extent->last && r == -EOVERFLOW) {
		extents->overflown = true;
		extents->used += bytes;
		return 0;
	}
	if ((extent->last & ~SHARED) == extents->volume)
		return 0;
	extents->used += bytes;
	if (!extent->last) {
		uint64_t units = (bytes + UNIT - 1) / UNIT;
		extents->count++;
		extent->place = place;
		extent->units = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
		extent->last = extents->volume;
	} else {
		extent->last = extents->volume | SHARED;
	}
	return 0;
}

void extents_alone(const struct extents *extents, uint64_t *alone)
{
	for (uint32_t i = 0; i <= extents->volume; i++)
		alone[i] = 0;
	for (uint64_t i = 0; i < extents->room; i++) {
		const struct extent *extent = &extents->table[i];
		if (extent->last && !(extent->last & SHARED))
			alone[extent->last] += (uint64_t)extent->units * UNIT;
	}
}
