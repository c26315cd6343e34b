/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache of builds: templates with "cached = yes", each the root after a step. Their settings tell when they were
 * used last, by the time of the file. Only berth makes them, so that they may be removed.
 */
#ifndef BERTH_IMAGE_TEMPLATE_TEMPLATE_CACHE_H
#define BERTH_IMAGE_TEMPLATE_TEMPLATE_CACHE_H

#include "base/dirs.h"
#include "base/err.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

/* The bounds of the cache after a build: number of steps, and time since their last use. */
enum { TEMPLATE_CACHE_STEPS = 64, TEMPLATE_CACHE_SECONDS = 30 * 86400 };

/* Whether a step of that name is there; it then counts as used now. */
bool template_cache_use(const struct dirs *dirs, const char *name);

/* The time of the last use of a step, in seconds since the epoch; 0: unknown. */
uint64_t template_cache_used(const struct dirs *dirs, const char *name);

/*
 * Removes the steps beyond the `keep` that were used last, and those that were not used for so many seconds. *removed
 * counts them. A step that is being copied stays.
 */
int template_cache_prune(const struct dirs *dirs, size_t keep, uint64_t seconds, size_t *removed,
			 struct err *err);

#endif
