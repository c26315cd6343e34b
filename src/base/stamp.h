/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stamps: what stat(2) shows of a file or a folder, as one number. A stamp that is the same again means that the file,
 * or the names in the folder, are the same, if it was settled before: a change within one tick of the file system's
 * clock leaves the times as they are, so that a file is settled only some seconds after its last change.
 */
#ifndef BERTH_BASE_STAMP_H
#define BERTH_BASE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define STAMP_UNKNOWN 0 /* equals no stamp, not even itself */
#define STAMP_NONE    1 /* there is nothing of that name */

/* A file system may count whole seconds, and one on another host has another clock. */
enum { STAMP_SECONDS = 2 };

struct stamp {
	uint64_t value;
	bool settled;
};

/* The stamp of a path, as in openat(2); now: a time before the call. Links are followed. */
struct stamp stamp_look(int dir_fd, const char *path, time_t now);

/* The value to keep for a later comparison. */
static inline uint64_t stamp_keep(struct stamp stamp)
{
	return stamp.settled ? stamp.value : STAMP_UNKNOWN;
}

/* Whether the file is as it was when that value was kept. */
static inline bool stamp_is_same(struct stamp stamp, uint64_t kept)
{
	return kept != STAMP_UNKNOWN && stamp.value == kept;
}

/* Two files as one. */
struct stamp stamp_join(struct stamp one, struct stamp other);

/* A sum of bytes, which tells damage; not for secrets. */
uint64_t stamp_sum(const void *bytes, size_t length);

#endif
