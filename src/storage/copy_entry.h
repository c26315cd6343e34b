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
	int from, to;    /* owned: the folders at hand */
	bool no_clone;   /* FICLONE cannot work between these file systems */
	bool no_range;   /* nor copy_file_range(2) */
	unsigned waited; /* milliseconds, for leases to be given up */
	char *names;     /* owned; what is named in an attribute list */
	char *value;     /* owned; an attribute's value, or data on its way */
	_Atomic uint64_t
		*moved;      /* borrowed; grows by each byte of data; NULL: nobody wants to know */
	char attribute[300]; /* the extended attribute that failed, "" */
};

/* Makes room, and removes what the folder `to` would hand down to new files (a default ACL). */
int copy_start(struct copy *copy, int to);
void copy_end(struct copy *copy);

/*
 * Copies name, which is no folder, from one folder at hand to the other. -ESTALE when it goes meanwhile, or
 * changes its kind while one looks.
 */
int copy_entry(struct copy *copy, const char *name, const struct statx *st);

/* Owner, mode, extended attributes and times of the folder at hand. Last: they end its making. */
int copy_folder_attributes(struct copy *copy, const struct statx *st);

const char *copy_why(int code);

#endif
