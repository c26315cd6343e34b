/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One entry of a tree-copy: a file's data, a link, a node, and everything known about each. */
#ifndef BERTH_STORAGE_COPY_ENTRY_H
#define BERTH_STORAGE_COPY_ENTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* All quiet: 0 or -errno, for copy_why(). */
struct copy {
	int from, to;            /* owned: the current folders */
	bool no_clone;           /* FICLONE cannot work between these file systems */
	bool no_range;           /* nor copy_file_range(2) */
	unsigned waited;         /* milliseconds, for leases to be given up */
	char *names;             /* owned; the list of attribute names */
	char *value;             /* owned; an attribute's value, or data on its way */
	_Atomic uint64_t *moved; /* borrowed; counts the bytes of data; may be NULL */
	char attribute[300];     /* the extended attribute that failed, "" */
};

/* Allocates buffers, and removes the default ACL that new files in `to` would inherit. */
int copy_start(struct copy *copy, int to);
void copy_end(struct copy *copy);

/*
 * Copies name, which is not a folder, from the current folder to the other. -ESTALE if it vanishes or changes its type
 * meanwhile.
 */
int copy_entry(struct copy *copy, const char *name, const struct statx *st);

/*
 * Copies owner, mode, extended attributes, times and immutability of the current folder; to be called last, after its
 * entries.
 */
int copy_folder_attributes(struct copy *copy, const struct statx *st);

const char *copy_why(int code);

#endif
