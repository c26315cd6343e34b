/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/space.h"

enum {
	MARK_PART = 20, /* of the whole: so much is left when holding begins */
	/* The fastest writing speed of any disk under a pool. */
	FASTEST = 1000 << 10, /* bytes a millisecond */
	SETTLE_PART = 40,
	PAUSE_MIN = 50,
	PAUSE_MAX = 2000,
	LITTLE_PART = 64, /* of what is left when holding begins: who takes less can wait */
	GROW_PART = 4,    /* a file grows by so much of itself */
	BELOW_PART = 20,  /* and leaves so much of what is below */
};

static uint64_t room_for_data(const struct space *space)
{
	uint64_t taken = space->used + space->pending;

	return space->total > taken ? space->total - taken : 0;
}

/* The room for metadata, as the part of the pool that it is of the metadata: so one rule serves both. */
static uint64_t room_for_metadata(const struct space *space)
{
	uint64_t left = space->metadata_total > space->metadata_used
				? space->metadata_total - space->metadata_used
				: 0;

	return space->metadata_total ? (uint64_t)((double)left / (double)space->metadata_total *
						  (double)space->total)
				     : UINT64_MAX;
}

static uint64_t room(const struct space *space)
{
	uint64_t data = room_for_data(space), metadata = room_for_metadata(space);

	return data < metadata ? data : metadata;
}

bool space_lacks_metadata(const struct space *space)
{
	return room_for_metadata(space) < room_for_data(space);
}

uint64_t space_metadata_to(const struct space *space)
{
	return 2 * space->metadata_total >> 20;
}

static uint64_t mark(const struct space *space)
{
	uint64_t part = space->total / MARK_PART;

	return part > space->least ? part : space->least;
}

unsigned space_percent(const struct space *space)
{
	uint64_t left = room(&(struct space){ .total = space->total,
					      .used = space->used,
					      .metadata_total = space->metadata_total,
					      .metadata_used = space->metadata_used });

	/* A hair more, for what doubles lose. */
	return space->total
		       ? (unsigned)(100.0 * (double)(space->total - left) / (double)space->total +
				    1e-6)
		       : 0;
}

enum space_level space_level(const struct space *space)
{
	uint64_t left = room(space), most = mark(space);

	if (!space->total || left > 4 * most)
		return SPACE_PLENTY;
	if (space->used >= space->total)
		return SPACE_NONE;
	if (left > 2 * most)
		return SPACE_LOW;
	return left > most ? SPACE_SCARCE : SPACE_SHORT;
}

enum space_level space_settle(const struct space *space, enum space_level before)
{
	struct space fuller = *space;

	fuller.pending += mark(space) / 2;
	fuller.metadata_used += space->metadata_total / SETTLE_PART;
	enum space_level now = space_level(space), least = space_level(&fuller);
	return now >= before ? now : least < before ? least : before;
}

void space_decide(const struct space *space, struct space_volume *volumes, size_t count)
{
	uint64_t left = room(space), most = mark(space);
	bool all = space->least && left <= most / 4;
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += volumes[i].growth;
	for (size_t i = 0; i < count; i++) {
		struct space_volume *volume = &volumes[i];
		uint64_t much = space->least || left <= most / 4 ? 0 : most / LITTLE_PART;
		if (much && left > most / 2 && sum / (2 * count) > much)
			much = sum / (2 * count);
		if (left >= 2 * most)
			volume->held = false;
		else if (left < most && (all || volume->growth > much))
			volume->held = true;
	}
}

unsigned space_pause(const struct space *space)
{
	uint64_t left = room(space), most = mark(space);
	uint64_t pause = left > most ? (left - most) / FASTEST : 0;

	return pause < PAUSE_MIN ? PAUSE_MIN : pause > PAUSE_MAX ? PAUSE_MAX : (unsigned)pause;
}

uint64_t space_grow_to(uint64_t size, uint64_t limit, uint64_t below)
{
	uint64_t step = size / GROW_PART;
	uint64_t spare = below - below / BELOW_PART;

	if (limit <= size)
		return 0;
	if (step > limit - size)
		step = limit - size;
	if (step > spare)
		step = spare;
	step = step >> 20 << 20;
	return step ? size + step : 0;
}
