/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which volumes in use fill a pool, and how fast: what their mappings gain, and what they copy of what they
 * share. A write over a shared block takes a block of the pool, and the mapping has as many as before, so that
 * only the metadata of the pool tell whose it is. Pure: figures in, judgement out.
 */
#ifndef BERTH_STORAGE_GROWTH_H
#define BERTH_STORAGE_GROWTH_H

#include "storage/storage.h"

struct grower {
	char volume[VOLUME_NAME_MAX + 1];
	const char *machine;       /* inside volume; NULL: it is no machine's */
	struct volume_taken taken; /* asked for between two judgements */
	uint64_t growth;           /* out: bytes of the pool, in this window and the last */
	bool held;                 /* its machine is, as the last look found it */
	uint64_t used, written;    /* at the last look */
	struct grower_before {
		uint64_t used, written;
		struct volume_taken taken;
	} before[2]; /* when the last window began, and when this one did */
	bool seen;
};

/* Zeroed: nothing was seen. */
struct growth {
	struct grower **list; /* owned, each */
	size_t count;
	uint64_t pool_before[2]; /* bytes of the pool */
	int64_t began;           /* when this window did, milliseconds; 0: none has */
};

/* One that is in use; all of them are noted at each look. -ENOMEM. */
int growth_note(struct growth *growth, const struct volume_use *use);
/* All have been noted: forgets the others. */
void growth_forget(struct growth *growth);

/*
 * Fills in each growth. used: bytes of the pool; now: milliseconds. What is taken
 * counts from when it was first told. Those of whom it cannot be told share, by what they have written,
 * what the pool has lost to nobody else.
 */
void growth_judge(struct growth *growth, uint64_t used, int64_t now);

void growth_free(struct growth *growth);

#endif
