/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives for tests, written block by block, so that they may hold what no archiver would write. */
#ifndef BERTH_TESTS_TARBALL_H
#define BERTH_TESTS_TARBALL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct member {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' symbolic link, '3' '4' nodes, '5' folder, '6' fifo */
	const char *link; /* NULL: none */
	unsigned mode;    /* 0: 0644 */
	uint64_t uid;
	const char *data; /* NULL: none */
	uint64_t claim;   /* a size to claim instead of the data's; 0: none */
};

/* Adds one member. Names of more than 100 characters, and numbers that do not fit, are written as GNU tar does. */
void tarball_add(FILE *f, const struct member *member);

/* A pax record for the next member: key, value of any bytes. */
void tarball_pax(FILE *f, const char *key, const void *value, size_t n);

/* The end mark. */
void tarball_end(FILE *f);

#endif
