/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One tree-copy: owners, modes, times, hard links, holes, xattrs, ACLs, capabilities, immutability, nodes, fifos. */
#ifndef BERTH_STORAGE_COPY_H
#define BERTH_STORAGE_COPY_H

#include "base/err.h"

/*
 * Copies the contents and attributes of folder from_fd into the empty folder to_fd. Data are shared (FICLONE) if the
 * file system can, else copied with their holes. Follows no link and stays on from_fd's file system. The caller makes
 * sure that nobody changes the tree: a file that vanishes meanwhile is a failure, because the copy would mix two
 * moments. Both descriptors stay the caller's.
 */
int copy_tree(int from_fd, int to_fd, struct err *err);

#endif
