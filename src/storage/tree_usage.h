/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The space that the files of a tree take, by a walk through it. */
#ifndef BERTH_STORAGE_TREE_USAGE_H
#define BERTH_STORAGE_TREE_USAGE_H

#include "storage/extents.h"

/*
 * Adds the extents of all files below the folder fd, which stays open. A guest may change the tree meanwhile; vanished
 * files are skipped. 0, or -errno: -ELOOP below 400 levels, -ETIME.
 */
int tree_usage(int fd, struct extents *extents);

#endif
