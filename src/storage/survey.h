/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which volumes pools hold, as far as that can be told without attaching anything: for who looks at all
 * machines and templates, and wants to know whose volume is missing and which volume is nobody's.
 */
#ifndef BERTH_STORAGE_SURVEY_H
#define BERTH_STORAGE_SURVEY_H

#include "base/err.h"
#include "base/site.h"

#include <stdbool.h>
#include <stddef.h>

/* Each pool is looked at once. Zeroed but for site, and attach if it is wanted, is a new one. */
struct survey {
	const struct site *site; /* borrowed */
	bool attach;             /* what cannot be told otherwise is told by attaching the pool */
	struct surveyed *pools;  /* owned */
	size_t count;
};

void survey_free(struct survey *survey);
#define scoped_survey __attribute__((cleanup(survey_free)))

/*
 * 0: the volume is there, or nobody can tell without attaching its pool. -ENOENT: it is not in its pool,
 * which was looked at again for that. Else -code: why its pool cannot be reached. All in words.
 */
int survey_volume(struct survey *survey, const char *pool, const char *volume, struct err *err);

/* Calls visit with each whole volume of each pool within reach; stops at nonzero and returns it. */
int survey_each(struct survey *survey, int (*visit)(void *, const char *pool, const char *volume),
		void *context, struct err *err);

/* The first pool within reach, by name, that holds that volume: its name, borrowed; NULL: none. */
const char *survey_find(struct survey *survey, const char *volume);

/*
 * The pool that holds that volume: the wanted one (NULL: any, but there must be one only), which the caller
 * owns. -ENOENT, -EEXIST in words.
 */
int survey_holder(struct survey *survey, const char *wanted, const char *volume, char **pool,
		  struct err *err);

#endif
