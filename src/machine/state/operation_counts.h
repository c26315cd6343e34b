/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts of operations of the API that have ended, since the host was booted: by verb and result, with their time. */
#ifndef BERTH_MACHINE_STATE_OPERATION_COUNTS_H
#define BERTH_MACHINE_STATE_OPERATION_COUNTS_H

#include "base/dirs.h"

#include <stdint.h>

enum { OPERATION_VERB = 40, OPERATION_COUNTS_MAX = 256 };

struct operation_count {
	char verb[OPERATION_VERB]; /* "snapshot take" */
	char result[16];           /* success or failure */
	uint64_t count, microseconds;
};

/* Those that are kept, by the caller's memory; *count: how many. 0 or -errno; none were counted is no failure. */
int operation_counts_read(const struct dirs *dirs,
			  struct operation_count counts[OPERATION_COUNTS_MAX], size_t *count);
/* Counts one. What cannot be counted fails nothing that has been done: 0 or -errno. */
int operation_counts_add(const struct dirs *dirs, const char *verb, const char *result,
			 uint64_t microseconds);

#endif
