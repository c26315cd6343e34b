/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done while a pool that promises more than it has runs out of room. Pure: figures in,
 * decisions out; machine/life/pool_watch.c looks and acts.
 */
#ifndef BERTH_STORAGE_SPACE_H
#define BERTH_STORAGE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum space_level {
	SPACE_PLENTY,
	SPACE_LOW,    /* 80 %: said in every list */
	SPACE_SCARCE, /* 90 %: grows by itself where it may */
	SPACE_SHORT,  /* 95 %: who grows is held still */
	SPACE_NONE,   /* writes wait in the kernel, which fails them after a minute */
};

/* All in bytes. */
struct space {
	uint64_t total, used;
	uint64_t metadata_total, metadata_used; /* total 0: it has none */
	uint64_t pending; /* written by programs, not yet by the kernel: will be used */
	/* Not 0: others take what is left too, and so much is too little, however small a part it is. */
	uint64_t least;
};

/* A volume that is in use. */
struct space_volume {
	uint64_t growth; /* bytes, of the last few seconds */
	bool held;       /* in: its machine is held still. out: it is to be */
};

enum space_level space_level(const struct space *space);

/*
 * The level to go on from after `before`: up at once, down only when there is a fortieth of the whole more
 * room than where it began, so that who writes and deletes around a mark is not told of it again and again.
 */
enum space_level space_settle(const struct space *space, enum space_level before);

/* The fuller of data and metadata, for words: 0 to 100. */
unsigned space_percent(const struct space *space);

/*
 * Whom to hold still: from SPACE_SHORT on those who grow most, and the less room there is, the smaller
 * growers too, so that who only changes what is its own is left in peace. Once there is twice as much room
 * as where holding begins, nobody is held any more; in between, all stays as it is. Where others, whom
 * nobody holds, take the room as well, all that grow are held from there on; and all that could grow when a
 * quarter of that is left, since a write that finds no room then fails at once.
 */
void space_decide(const struct space *space, struct space_volume *volumes, size_t count);

/* Milliseconds until the next look: in less, nobody can write as much as is left to the mark. */
unsigned space_pause(const struct space *space);

/* To what size a pool's file may grow now, 0: it may not; bytes. limit: the admin's; below: what the
 * file system that it lies on has left. */
uint64_t space_grow_to(uint64_t size, uint64_t limit, uint64_t below);

#endif
