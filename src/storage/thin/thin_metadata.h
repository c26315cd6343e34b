/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metadata of a thin pool checked and mended, for the files of driver `thin` that do so. */
#ifndef BERTH_STORAGE_THIN_METADATA_H
#define BERTH_STORAGE_THIN_METADATA_H

#include "storage/thin/thin.h"

/* What is to be checked of what volumes hold: nothing, what says that it needs it, all. As in the catalogue. */
enum thin_doubt { THIN_DOUBT_NONE, THIN_DOUBT_SOME, THIN_DOUBT_ALL };

/*
 * At least so much doubt is remembered, durably, until somebody clears it; *known, if it is not NULL, gets
 * what there is then. Without a catalogue nothing is.
 */
int thin_raise_doubt(struct pool *pool, enum thin_doubt doubt, enum thin_doubt *known,
		     struct err *err);

/*
 * Under the lock, of an attached pool that takes changes: thin_check(8) on a snapshot of its metadata. Not
 * *sound: why has what that says. -ENOENT, without words: it is not installed.
 */
int thin_check_metadata(struct pool *pool, bool *sound, struct err *why, struct err *err);

/*
 * Under the lock, of an exposed one: a superblock that was written over comes back from its copy, what else is
 * damaged is repaired into the spare, which changes places with it. Needs no check by the kernel then.
 */
int thin_mend_metadata(struct pool *pool, struct text *report, struct err *err);

#endif
