/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the thin targets of device-mapper report, "thin-pool" and "thin". */
#ifndef BERTH_KERN_DM_THIN_H
#define BERTH_KERN_DM_THIN_H

#include "kern/dm.h"

enum { DM_THIN_ID_MAX = (1 << 24) - 1 };
#define DM_POOL_METADATA_MAX  33292800ULL /* sectors; what is above is never used */
#define DM_POOL_METADATA_UNIT 8U          /* sectors in a metadata block */

enum dm_pool_mode {
	DM_POOL_WRITE,
	DM_POOL_READ_ONLY,   /* after a failure, or out of metadata space */
	DM_POOL_OUT_OF_DATA, /* recovers when a block is freed or the pool grows */
	DM_POOL_FAIL,        /* the figures are unknown; never recovers in place */
	DM_POOL_ERROR,       /* its status could not be read */
};

enum dm_discard { DM_DISCARD_PASSDOWN, DM_DISCARD_NO_PASSDOWN, DM_DISCARD_IGNORED };

struct dm_pool_status {
	enum dm_pool_mode mode; /* the rest is zero in the last two modes */
	uint64_t transaction;
	uint64_t metadata_used,
		metadata_total;         /* blocks of 4096 bytes, a hidden reserve counted as used */
	uint64_t data_used, data_total; /* blocks of the pool's size */
	uint64_t metadata_low_water;    /* blocks; 0: not told */
	uint64_t held_root;             /* of a reserved metadata snapshot, 0: none */
	enum dm_discard discard;
	bool error_if_no_space; /* else queues; flips by itself after the kernel's no_space_timeout */
	bool needs_check;       /* neither writes nor grows until it was checked */
};

struct dm_thin_status {
	bool fail; /* the figures are unknown */
	uint64_t mapped;
	uint64_t highest; /* mapped sector; 0 while mapped is */
};

/* Without DM_WITH_FLUSH the pool is not committed by the look. -EINVAL: another kind of target. */
int dm_pool_status(struct dm *dm, const char *name, unsigned flags, struct dm_pool_status *status);
int dm_thin_status(struct dm *dm, const char *name, unsigned flags, struct dm_thin_status *status);

/* Pure: what stands behind "thin-pool" and "thin" in a status line. -EINVAL; out untouched then. */
int dm_pool_parse(const char *params, struct dm_pool_status *status);
int dm_thin_parse(const char *params, struct dm_thin_status *status);

/*
 * Pure: milliseconds in which the metadata cannot come to so many per cent and the kernel be silent; -1: it tells
 * before half of what is left then is used.
 */
int dm_pool_metadata_pause(const struct dm_pool_status *status, unsigned percent);

const char *dm_pool_mode_name(enum dm_pool_mode mode);

#endif
