/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Status of the thin targets of device-mapper, "thin-pool" and "thin". */
#ifndef BERTH_KERN_DM_THIN_H
#define BERTH_KERN_DM_THIN_H

#include "kern/dm.h"

enum { DM_THIN_ID_MAX = (1 << 24) - 1 };
#define DM_POOL_METADATA_MAX  33292800ULL /* sectors; the kernel uses no more */
#define DM_POOL_METADATA_UNIT 8U          /* sectors in a metadata block */

enum dm_pool_mode {
	DM_POOL_WRITE,
	DM_POOL_READ_ONLY,   /* after a failure, or when metadata are full */
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
	uint64_t metadata_low_water;    /* blocks; 0: not reported */
	uint64_t held_root;             /* block of the held metadata snapshot; 0: none */
	enum dm_discard discard;
	bool error_if_no_space; /* else writes are queued; the kernel switches to errors after no_space_timeout */
	bool needs_check; /* the kernel refuses writes and growth until thin_check has run */
};

struct dm_thin_status {
	bool fail; /* the figures are unknown */
	uint64_t mapped;
	uint64_t highest; /* highest mapped sector; 0 if mapped is 0 */
};

/* Read the status. With DM_WITH_FLUSH the pool commits first. -EINVAL: another kind of target. */
int dm_pool_status(struct dm *dm, const char *name, unsigned flags, struct dm_pool_status *status);
int dm_thin_status(struct dm *dm, const char *name, unsigned flags, struct dm_thin_status *status);

/* Parse the parameters of a status line of "thin-pool" or "thin". Pure. -EINVAL leaves out untouched. */
int dm_pool_parse(const char *params, struct dm_pool_status *status);
int dm_thin_parse(const char *params, struct dm_thin_status *status);

/*
 * How many milliseconds may pass until the next look at the metadata, so that they cannot reach `percent` unnoticed;
 * -1: the kernel's event comes early enough. Pure.
 */
int dm_pool_metadata_pause(const struct dm_pool_status *status, unsigned percent);

const char *dm_pool_mode_name(enum dm_pool_mode mode);

#endif
