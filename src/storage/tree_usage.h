/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The space that the files of a tree take, by a walk through it. */
#ifndef BERTH_STORAGE_TREE_USAGE_H
#define BERTH_STORAGE_TREE_USAGE_H

#include "storage/extents.h"

/*
 * Adds what is in the folder that fd is, which stays open, and below. A guest may change the tree meanwhile: what
 * it takes away is passed over. 0, or -errno: -ELOOP deeper than 400 levels, -ETIME.
 */
int tree_usage(int fd, struct extents *extents);

#endif
