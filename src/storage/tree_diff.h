/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The difference between two trees that nobody changes meanwhile. Neither is believed: no link is followed, no device
 * or FIFO is opened, and the depth is bounded. Folders are walked in step, one of each at a time, so that memory is
 * that of the names of the folders on the way down.
 */
#ifndef BERTH_STORAGE_TREE_DIFF_H
#define BERTH_STORAGE_TREE_DIFF_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum tree_change_kind { TREE_ADDED, TREE_REMOVED, TREE_CHANGED };

/* The properties of an entry that have changed. */
enum tree_what {
	TREE_TYPE = 1 << 0,
	TREE_CONTENT = 1 << 1, /* of a file; or the number of a device */
	TREE_TIME = 1 << 2,    /* of its last change, of a file with the same content */
	TREE_OWNER = 1 << 3,
	TREE_MODE = 1 << 4,
	TREE_ATTRIBUTES = 1 << 5, /* extended attributes */
	TREE_TARGET = 1 << 6,     /* of a link */
	TREE_WHATS = 7,
};

struct tree_change {
	enum tree_change_kind kind;
	unsigned what;             /* enum tree_what; 0 unless changed */
	const char *path;          /* from the root of the tree, "/etc/hosts": bytes of the guest */
	struct stat before, after; /* zero: it is not there */
};

struct tree_diff {
	/*
	 * Snapshots of one pool keep inode numbers and times of change, so that a file which has both has not changed,
	 * and one that differs in them only is read. Without it, files are told apart by size and time, unless content
	 * is set.
	 */
	bool keeps_inodes;
	bool content; /* files of the same size are read, whatever their times say */
	int (*visit)(void *context, const struct tree_change *change); /* nonzero ends the walk */
	void *context;
	/* private */
	struct text path;
	unsigned depth;
};

/*
 * Calls visit for each difference between the trees below two folders, in the order of the bytes of the names; what is
 * below an added or removed folder is visited too. 0, what visit returned, or -code.
 */
int tree_diff_walk(struct tree_diff *diff, int before_fd, int after_fd, struct err *err);

#endif
