/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The deny list of seccomp for guests, with the reason for each call; the manual is checked against this table. */
#ifndef BERTH_KERN_SECCOMP_DENY_H
#define BERTH_KERN_SECCOMP_DENY_H

#include <stddef.h>

enum deny_flags {
	DENY_UNLESS_NESTING = 1 << 0, /* allowed in a machine with security.nesting */
	DENY_UNLESS_COMPAT = 1 << 1,  /* allowed where 32-bit programs run */
};

struct denied_syscall {
	const char *name;
	int error; /* the errno that the call fails with, one for which programs have a fallback */
	unsigned flags; /* DENY_* */
	const char *why;
	const char *
		cap; /* a privileged machine with this capability in security.caps gets the call; NULL: no machine gets it */
};

extern const struct denied_syscall seccomp_deny[];
extern const size_t seccomp_deny_count;

/* The address families that socket(2) allows, in ascending order; all others fail with EAFNOSUPPORT. */
extern const int socket_families[];
extern const size_t socket_families_count;

#endif
