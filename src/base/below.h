/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that takes blocks only as they are written, and the file system that has to have them then. */
#ifndef BERTH_BASE_BELOW_H
#define BERTH_BASE_BELOW_H

#include <stdint.h>

/* All in bytes. */
struct below {
	uint64_t size;  /* of the file */
	uint64_t holes; /* what it has no blocks for yet; 0: none can be missing */
	uint64_t spare; /* what the file system still gives */
};

/* 0, or -errno; -EINVAL: no plain file. */
int below_look(const char *path, struct below *below);

/*
 * What a pool in that file has to give, of `total`: less, if the file system would be full before
 * the holes are filled; never less than it uses. Pure.
 */
uint64_t below_limit(const struct below *below, uint64_t total, uint64_t used);

/*
 * How much of that is too little to go on writing, of `total`: who else writes there does not care for
 * parts of what is left. Pure.
 */
uint64_t below_least(uint64_t total);

/*
 * Milliseconds until the next look, since nothing tells of a file system that fills: in less than the
 * time in which half of what it has left can be written; a few minutes at most. -1: never. Pure.
 */
int below_pause(const struct below *below);

#endif
