/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removing a tree that somebody else has grown, however deep. */
#ifndef BERTH_BASE_REMOVE_H
#define BERTH_BASE_REMOVE_H

/*
 * Removes what dir_fd/path is, a folder with all that is in it, following no link and entering no mount;
 * 0 also if it is not there, else -errno of the first thing that would not go (-EBUSY: a mount), after
 * all others have gone. A guest may nest folders deeper than there are descriptors: what is too deep
 * is moved up first.
 */
int remove_tree(int dir_fd, const char *path);

/* The same of at most *left files and folders, which are counted down: -EINPROGRESS when that is not all. */
int remove_some(int dir_fd, const char *path, unsigned *left);

#endif
