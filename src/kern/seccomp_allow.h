/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allow lists of seccomp: for berth-unpack, a program that reads a stream of bytes and makes files of it, and for
 * berth-forward, which moves bytes between sockets.
 */
#ifndef BERTH_KERN_SECCOMP_ALLOW_H
#define BERTH_KERN_SECCOMP_ALLOW_H

#include <stddef.h>

struct allowed_syscall {
	const char *name;
	int error; /* the errno that the call fails with; 0: the kernel does it */
};

extern const struct allowed_syscall seccomp_allow[];
extern const size_t seccomp_allow_count;
extern const struct allowed_syscall seccomp_allow_sockets[];
extern const size_t seccomp_allow_sockets_count;

#endif
