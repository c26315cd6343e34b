/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hard links in a tree-copy: finds the copy of a file that was copied under another name before. */
#ifndef BERTH_STORAGE_LINKS_H
#define BERTH_STORAGE_LINKS_H

#include <sys/stat.h>

/*
 * A copied file with several names gets a further name in a folder at the top of the copy, and later names are linked
 * from there: no long paths, no open files, and never more names than the original has.
 */
struct links {
	int top_fd;     /* borrowed */
	int fd;         /* owned; the folder; -1 until it is needed */
	char name[32];  /* of the folder */
	unsigned count; /* of all names ever made in it */
	void *known;    /* owned; tree of tsearch(3) */
};

/* All quiet: 0 or -errno. */
void links_open(struct links *links, int top_fd);

/*
 * The last name of a file sets the flags that make it immutable or append-only. 1: to/name is now a hard link to the
 * earlier copy; 0: the file was not copied yet.
 */
int links_repeat(struct links *links, const struct statx *st, int to, const char *name);

/* Remembers to/name as the first copy of the file. */
int links_remember(struct links *links, const struct statx *st, int to, const char *name);

/* Called after the last entry: makes copies that still lack a name immutable or append-only, if the originals are. */
int links_protect(struct links *links);

/* Removes the folder; also to be called after a failure. Idempotent. */
int links_close(struct links *links);

#endif
