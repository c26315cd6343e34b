/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of each host-wide kernel limit is still free for another machine. */
#ifndef BERTH_MACHINE_CONFINE_KERNEL_LIMITS_H
#define BERTH_MACHINE_CONFINE_KERNEL_LIMITS_H

#include "base/err.h"
#include "base/text.h"

#include <stdint.h>

/* A limit that leaves too little for another machine. */
struct shortage {
	const char *sysctl; /* "kernel.pty.max" */
	const char *what;   /* "pseudo-terminals" */
	uint64_t limit;     /* what it is set to */
	uint64_t
		left; /* what machines may still take; for limits counted per machine, the limit itself */
	uint64_t better; /* what to set it to */
};

/*
 * Calls visit for every limit that is too low or nearly used up; stops at nonzero and returns it. A limit that cannot
 * be read is no shortage. proc: "/proc", or a copy of it.
 */
int kernel_limits_look(const char *proc, int (*visit)(void *, const struct shortage *),
		       void *context);

/* The shortages of this host as sentences with their remedies, joined by "; "; empty if there are none. */
int kernel_limits_words(struct text *out);

/* Adds the shortages to an error that they may have caused. */
void kernel_limits_explain(struct err *err);

#endif
