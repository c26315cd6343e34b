/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contents of a file that is received: from the file of the sender, or from a stream. */
#ifndef BERTH_MACHINE_TRANSFER_TREE_CONTENTS_H
#define BERTH_MACHINE_TRANSFER_TREE_CONTENTS_H

#include "machine/transfer/tree.h"
#include "storage/copy_data.h"

struct tree_contents {
	struct copy copy; /* copy.moved counts all bytes */
	int unread;       /* -errno of a read of the present source, or 0 */
};

/*
 * Copies the contents of an entry. 0 or -errno; -ENODATA: a stream has ended before its size; -EFBIG: a file tells no
 * size, and has no end.
 */
int tree_contents_copy(struct tree_contents *contents, const struct tree_target *target,
		       const struct tree_entry *entry, int from, int to);
/* Copies all that comes. 0 or -errno. */
int tree_contents_pass(struct tree_contents *contents, int from, int to);

#endif
