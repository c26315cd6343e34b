/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that a guest does not get, and why: the one table, for filter and manual. */
#ifndef BERTH_KERN_REFUSALS_H
#define BERTH_KERN_REFUSALS_H

#include <stddef.h>

enum refusal_flags {
	REFUSAL_UNLESS_NESTING = 1 << 0, /* given to a machine with security.nesting */
	REFUSAL_UNLESS_COMPAT = 1 << 1,  /* given where 32-bit programs run */
};

struct refusal {
	const char *name;
	int error;      /* what it fails with: such that programs take their other way */
	unsigned flags; /* REFUSAL_* */
	const char *why;
	const char *cap; /* given to a privileged machine with it in security.caps; NULL: to none */
};

extern const struct refusal refusals[];
extern const size_t refusals_count;

/* Families that socket(2) makes; every other fails with EAFNOSUPPORT. Ascending. */
extern const int socket_families[];
extern const size_t socket_families_count;

#endif
