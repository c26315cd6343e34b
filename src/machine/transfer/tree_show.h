/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The side of a look that is in the machine. */
#ifndef BERTH_MACHINE_TRANSFER_TREE_SHOW_H
#define BERTH_MACHINE_TRANSFER_TREE_SHOW_H

#include "machine/transfer/tree.h"

/*
 * Sends a path: a file with a descriptor, and anything else as TREE_SHOWN; of a folder so many of its entries at most;
 * then TREE_END, whose size is 1 if there are more. 0 or -code.
 */
int tree_show(const struct tree_place *place, const char *path, unsigned entries, int socket,
	      struct err *err);

#endif
