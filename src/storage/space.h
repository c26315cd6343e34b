/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decisions while an overcommitted pool runs out of room. Pure: figures in, decisions out; machine/life/pool_watch.c
 * looks and acts.
 */
#ifndef BERTH_STORAGE_SPACE_H
#define BERTH_STORAGE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum space_level {
	SPACE_PLENTY,
	SPACE_LOW,    /* 80 %: every list warns */
	SPACE_SCARCE, /* 90 %: the pool grows by itself if it may */
	SPACE_SHORT,  /* 95 %: machines that grow are held */
	SPACE_NONE,   /* writes wait in the kernel, and fail after a minute */
};

/* Figures in bytes. */
struct space {
	uint64_t total, used;
	uint64_t metadata_total, metadata_used; /* total 0: the pool has none */
	uint64_t pending; /* dirty pages, which will need blocks when the kernel writes them */
	/*
	 * not 0: other programs use the same free space, and this much is too little, whatever part of the pool it is
	 */
	uint64_t least;
};

/* A volume that is in use. */
struct space_volume {
	uint64_t growth; /* bytes of the last few seconds */
	bool held;       /* in: its machine is held; out: its machine shall be held */
};

enum space_level space_level(const struct space *space);

/*
 * The level after `before`: rises at once, but falls only when a fortieth of the pool more is free than where the level
 * began, so that writing and deleting around a mark is not reported again and again.
 */
enum space_level space_settle(const struct space *space, enum space_level before);

/* The fill of data or metadata, whichever is fuller: 0 to 100. */
unsigned space_percent(const struct space *space);
/* Whether that is the metadata, and no room for data helps. */
bool space_lacks_metadata(const struct space *space);
/* The size that metadata is to get then, in MiB: twice what it has. */
uint64_t space_metadata_to(const struct space *space);

/*
 * Decides which machines to hold. From SPACE_SHORT on, those that grow most; the less room is left, the smaller growers
 * too; a machine that only overwrites its own blocks is never held. When twice as much room is free as where holding
 * began, all are released; between the two marks nothing changes. If other programs use the same free space, all that
 * grow are held from SPACE_SHORT on, and when a quarter of that room is left, all that could grow, because there a
 * write without room fails at once.
 */
void space_decide(const struct space *space, struct space_volume *volumes, size_t count);

/* Milliseconds until the next look: a time in which nobody can write enough to reach the mark. */
unsigned space_pause(const struct space *space);

/*
 * The size to which a pool's file may grow now, in bytes; 0: it may not grow. limit: set by the administrator; below:
 * free bytes of the file system under the file.
 */
uint64_t space_grow_to(uint64_t size, uint64_t limit, uint64_t below);

#endif
