/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removes a tree that somebody else made, however deep. */
#ifndef BERTH_BASE_REMOVE_H
#define BERTH_BASE_REMOVE_H

/*
 * Removes the file or folder dir_fd/path with its contents, immutable ones too. Follows no link, enters no mount. 0
 * also if it does not exist; else the first -errno (-EBUSY: a mount), after everything else was removed. Folders nested
 * deeper than descriptors allow are moved up first.
 */
int remove_tree(int dir_fd, const char *path);

/* The same, but removes at most *left files and folders, and counts them down. -EINPROGRESS: there are more. */
int remove_some(int dir_fd, const char *path, unsigned *left);

#endif
