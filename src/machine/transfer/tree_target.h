/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The place that a target's path and owner mean, before the first entry is received. */
#ifndef BERTH_MACHINE_TRANSFER_TREE_TARGET_H
#define BERTH_MACHINE_TRANSFER_TREE_TARGET_H

#include "machine/transfer/tree.h"

struct tree_destination {
	int base;           /* owned; the folder in which first components are */
	const char *rename; /* borrowed; the name of the only source there; NULL: its own */
	bool own;           /* entries are given to uid and gid */
	uid_t uid;
	gid_t gid;
};

/* Finds it, and makes missing folders if the target says so. base is the caller's, also after a failure. 0 or -code. */
int tree_target_open(const struct tree_target *target, struct tree_destination *to,
		     struct err *err);

#endif
