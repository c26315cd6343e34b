/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls of a program that reads a stream of bytes and makes files of it, and nothing else. */
#ifndef BERTH_KERN_PERMITS_H
#define BERTH_KERN_PERMITS_H

#include <stddef.h>

struct permit {
	const char *name;
	int error; /* what it fails with; 0: it is done */
};

extern const struct permit permits[];
extern const size_t permits_count;

#endif
