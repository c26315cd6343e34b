/*
 * Which volumes in use fill a pool, and how fast: what their mappings gain, which the kernel tells, and
 * what they copy of what they share, which it does not (storage/copied.h).
 */
#ifndef BERTH_MACHINE_LIFE_GROWTH_H
#define BERTH_MACHINE_LIFE_GROWTH_H

#include "storage/copied.h"
#include "storage/storage.h"

struct grower {
	char volume[VOLUME_NAME_MAX + 1];
	const char *machine; /* inside volume; NULL: it is no machine's */
	struct copied_writer writer;
	uint64_t used, written; /* at the last look */
	uint64_t used_before;   /* when the window began */
	double over;            /* bytes written in the window to blocks that it had */
	uint64_t growth;        /* out: bytes of the pool, in the window */
	bool seen;
	bool held;                     /* its machine is, as the last look found it */
	double held_over, held_copied; /* in the window in which it was held */
	bool cleared;                  /* out: held, and found not to have been the one */
};

/* Zeroed: nothing was seen. */
struct growth {
	struct grower **list; /* owned, each */
	size_t count;
	struct copied copied;
	uint64_t pool_used;   /* at the last look */
	double unnoted;       /* bytes copied that no look of copied has yet */
	double in_window;     /* bytes copied */
	int64_t noted, began; /* when, milliseconds */
	/* Of the look that is under way. */
	double gained;
	bool unclear; /* somebody came, went or gave blocks back: what was copied is not known */
};

/* Looks at what is in use and judges who grows. used: bytes of the pool. */
int growth_look(struct growth *growth, struct pool *pool, uint64_t used, struct err *err);

/* Remembers why: what it wrote until now is what it is held for. */
void growth_held(struct grower *grower);

void growth_free(struct growth *growth);

#endif
