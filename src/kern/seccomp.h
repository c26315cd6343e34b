/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading the filter of system calls, seccomp(2); kern/seccomp_deny.c says which and why. */
#ifndef BERTH_KERN_SECCOMP_H
#define BERTH_KERN_SECCOMP_H

#include <stdint.h>

enum seccomp_variant {
	SECCOMP_NESTING = 1 << 0, /* what engines for containers call inside */
	SECCOMP_COMPAT = 1 << 1,  /* 32-bit programs of the kernel's other architecture */
	SECCOMP_VARIANTS = 1 << 2,
};

/*
 * For us and all that we execute, for good. Wants CAP_SYS_ADMIN in our user namespace: no_new_privs,
 * the other way, would take setuid programs away from a guest. caps, a bit each: calls that are of use
 * with these are left, which matters only where they are capabilities of the host. 0 or -errno.
 */
int seccomp_raise(unsigned variant, uint64_t caps);

/*
 * For a program that makes files of somebody else's bytes: of any call that kern/seccomp_allow.c does not
 * list it dies by SIGSYS. Wants no_new_privs. 0 or -errno.
 */
int seccomp_files_only(void);

#endif
