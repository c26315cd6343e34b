/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hard links of a tree-copy: which copy is whose, however many and wherever they are. */
#ifndef BERTH_STORAGE_LINKS_H
#define BERTH_STORAGE_LINKS_H

#include <sys/stat.h>

/*
 * A copied file with more names gets one more in a folder of ours at the copy's top, so that the
 * next is made from there: no long path, no open file, and never more names than the origin has.
 */
struct links {
	int top_fd;     /* borrowed */
	int fd;         /* owned; the folder, -1 until there is need of it */
	char name[32];  /* of the folder */
	unsigned count; /* of what was ever in it */
	void *known;    /* owned; tree of tsearch(3) */
};

/* All quiet: 0 or -errno. */
void links_open(struct links *links, int top_fd);

/* 1: to/name is now a link to what was copied before; 0: this is the first. */
int links_repeat(struct links *links, const struct statx *st, int to, const char *name);

/* to/name is the first copy. */
int links_remember(struct links *links, const struct statx *st, int to, const char *name);

/* Removes the folder. Also after a failure; twice does no harm. */
int links_close(struct links *links);

#endif
