/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads seccomp filters; kern/seccomp_deny.c lists the denied calls with reasons. */
#ifndef BERTH_KERN_SECCOMP_H
#define BERTH_KERN_SECCOMP_H

#include <stdint.h>

enum seccomp_variant {
	SECCOMP_NESTING = 1 << 0, /* allows the calls of container engines */
	SECCOMP_COMPAT = 1 << 1,  /* allows 32-bit programs */
	SECCOMP_VARIANTS = 1 << 2,
};

/*
 * Filters the system calls of this process and its children for good. Needs CAP_SYS_ADMIN in the user namespace,
 * because no_new_privs, the other way, would disable setuid programs in a guest. caps (a bit each): calls that these
 * capabilities are for stay allowed, which matters only for a privileged machine. 0 or -errno.
 */
int seccomp_raise(unsigned variant, uint64_t caps);

/*
 * Restricts this process to the calls of kern/seccomp_allow.c; any other call kills it by SIGSYS. Needs no_new_privs. 0
 * or -errno.
 */
int seccomp_files_only(void);

/* The same, to the calls of berth-forward, which has its listening sockets already. */
int seccomp_sockets_only(void);

#endif
