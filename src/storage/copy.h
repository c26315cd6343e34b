/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One tree-copy: owners, modes, times, hard links, holes, xattrs, ACLs, capabilities, nodes, fifos. */
#ifndef BERTH_STORAGE_COPY_H
#define BERTH_STORAGE_COPY_H

#include "base/err.h"

/*
 * Copies what is in folder from_fd into the empty folder to_fd, and the folder's own attributes.
 * Data is shared (FICLONE) where the file system can, else copied with its holes. Never follows a
 * link, never leaves from_fd's file system. The caller sees to it that nobody changes the tree: what vanishes
 * meanwhile is a failure, since a copy without it would be of no moment. Both descriptors stay the caller's.
 */
int copy_tree(int from_fd, int to_fd, struct err *err);

#endif
