/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks and repairs the metadata of a thin pool. For the files of driver `thin`. */
#ifndef BERTH_STORAGE_THIN_METADATA_H
#define BERTH_STORAGE_THIN_METADATA_H

#include "storage/thin/thin.h"

/* The file systems that have to be checked: none, those that ask for it, or all. Stored in the catalogue. */
enum thin_doubt { THIN_DOUBT_NONE, THIN_DOUBT_SOME, THIN_DOUBT_ALL };

/*
 * Raises the doubt in the catalogue to at least that, durably, until it is cleared; *known (may be NULL) gets the new
 * value. Does nothing without a catalogue.
 */
int thin_raise_doubt(struct pool *pool, enum thin_doubt doubt, enum thin_doubt *known,
		     struct err *err);

/*
 * Runs thin_check(8) on a snapshot of the metadata of an attached pool that takes changes, under the lock. If not
 * *sound, why has its finding. -ENOENT without a sentence: thin_check is not installed.
 */
int thin_check_metadata(struct pool *pool, bool *sound, struct err *why, struct err *err);

/*
 * Repairs the metadata of an exposed pool, under the lock: restores an overwritten superblock from its copy; repairs
 * other damage into the spare, and swaps the two. The kernel needs no check afterwards.
 */
int thin_mend_metadata(struct pool *pool, struct text *report, struct err *err);

#endif
