/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Growth of volumes: which of them fill a pool, and how fast. A volume grows by the blocks that its mapping gains, and
 * by shared blocks that it copies. A write to a shared block takes a block of the pool, but the mapping keeps its size;
 * only the metadata of the pool show whose block it is. Pure: figures in, judgement out.
 */
#ifndef BERTH_STORAGE_GROWTH_H
#define BERTH_STORAGE_GROWTH_H

#include "storage/storage.h"

struct grower {
	char volume[VOLUME_NAME_MAX + 1];
	const char *machine;       /* points into volume; NULL: not a root of a machine */
	struct volume_taken taken; /* filled in by the caller between two judgements */
	uint64_t growth;           /* out: bytes of the pool taken in this window and the last */
	uint64_t used, written;    /* at the last look */
	struct grower_before {
		uint64_t used, written;
		struct volume_taken taken;
	} before[2]; /* at the beginning of the last window, and of this one */
	bool seen;
};

/* Zeroed: no volume was noted yet. */
struct growth {
	struct grower **list; /* owned, each */
	size_t count;
	uint64_t pool_before[2]; /* bytes of the pool */
	int64_t began;           /* when this window began, milliseconds; 0: there is none yet */
};

/* Notes a volume in use; to be called for all of them at each look. 0 or -ENOMEM. */
int growth_note(struct growth *growth, const struct volume_use *use);
/* Forgets all volumes that were not noted. Called when all were noted. */
void growth_forget(struct growth *growth);

/*
 * Computes the growth of each volume. used: bytes of the pool; now: milliseconds. `taken` counts from its first
 * reading. Volumes without a known `taken` share the rest of the pool's growth in proportion to what they have written.
 */
void growth_judge(struct growth *growth, uint64_t used, int64_t now);

void growth_free(struct growth *growth);

#endif
