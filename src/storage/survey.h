/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which volumes are in which pool, as far as that can be found out without attaching a pool. Used by commands that look
 * at all machines and templates, to find missing volumes, and volumes without an owner.
 */
#ifndef BERTH_STORAGE_SURVEY_H
#define BERTH_STORAGE_SURVEY_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Looks at each pool once. A new survey is zeroed, but for dirs and attach. */
struct survey {
	const struct dirs *dirs; /* borrowed */
	bool attach;             /* attach a pool if there is no other way to know its volumes */
	struct surveyed *pools;  /* owned */
	size_t count;
};

void survey_free(struct survey *survey);
#define scoped_survey __attribute__((cleanup(survey_free)))

/*
 * Whether a volume is in its pool. 0: it is, or only an attached pool could tell. -ENOENT: it is missing; the pool was
 * looked at again to be sure. Else -code: the pool cannot be reached. Failures have a sentence.
 */
int survey_volume(struct survey *survey, const char *pool, const char *volume, struct err *err);

/*
 * Calls visit with each volume (none in the making) of each pool that can be reached; stops at nonzero and returns it.
 */
int survey_each(struct survey *survey, int (*visit)(void *, const char *pool, const char *volume),
		void *context, struct err *err);

/* The first pool by name, of those that can be reached, that has this volume; its name is borrowed. NULL: none. */
const char *survey_find(struct survey *survey, const char *volume);

/*
 * Finds the pool that has this volume: `wanted`, or if that is NULL the only one. The caller owns *pool. -ENOENT or
 * -EEXIST with a sentence.
 */
int survey_holder(struct survey *survey, const char *wanted, const char *volume, char **pool,
		  struct err *err);

#endif
