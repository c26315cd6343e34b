/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host's kernel has left of what every machine needs some of. */
#ifndef BERTH_MACHINE_CONFINE_KERNEL_LIMITS_H
#define BERTH_MACHINE_CONFINE_KERNEL_LIMITS_H

#include "base/err.h"
#include "base/text.h"

#include <stdint.h>

/* One that is too little for a machine more. */
struct shortage {
	const char *sysctl; /* "kernel.pty.max" */
	const char *what;   /* "pseudo-terminals" */
	uint64_t limit;     /* what it is set to */
	uint64_t left;      /* of it, for machines; of one that is counted by machine: the limit */
	uint64_t better;    /* what to set it to */
};

/*
 * Calls visit for every limit that is too low or nearly used up; stops at nonzero and returns it. What
 * cannot be read is no shortage. proc: "/proc", or a copy of what is in it.
 */
int kernel_limits_look(const char *proc, int (*visit)(void *, const struct shortage *),
		       void *context);

/* The same of this host as sentences with their remedies, "; " between them; none: nothing. */
int kernel_limits_words(struct text *out);

/* Adds them to what failed, which may have failed for that. */
void kernel_limits_explain(struct err *err);

#endif
