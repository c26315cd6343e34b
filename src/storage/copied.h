/*
 * Who fills a pool by writing over blocks that a snapshot shares. Such a write takes a new block, and the
 * writer's volume has as many as before: the kernel counts the block for the pool and for nobody. So it is
 * estimated from what each has written meanwhile. Pure: figures in, estimates out.
 */
#ifndef BERTH_STORAGE_COPIED_H
#define BERTH_STORAGE_COPIED_H

#include <stddef.h>

enum { COPIED_LOOKS = 48 }; /* that are remembered */

/* What the pool has lost and no volume has gained, look by look. Zeroed: nothing was seen. */
struct copied {
	double bytes[COPIED_LOOKS];
	double recent;
	size_t next, count;
};

/* One that writes. Zeroed: it is new. */
struct copied_writer {
	double wrote[COPIED_LOOKS];
	double recent;
	double since; /* in: bytes that it has written since the last look */
	double ratio; /* out: bytes of the pool that each byte which it writes takes by copying */
};

/* Adds a look. Where nothing was written and nothing lost, there is nothing to learn. */
void copied_note(struct copied *copied, double bytes, struct copied_writer *const *writers,
		 size_t count);

/*
 * Fills in every ratio: those that explain best what was seen, none of them negative. What cannot be told
 * apart, since it always went together, is shared by the bytes written.
 */
void copied_judge(const struct copied *copied, struct copied_writer *const *writers, size_t count);

/* Forgets what was seen: for when somebody has gone whose part in it is not known any more. */
void copied_forget(struct copied *copied, struct copied_writer *const *writers, size_t count);

#endif
