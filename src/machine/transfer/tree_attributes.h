/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes of a transfer that keeps everything: those of users, access control lists, and capabilities of
 * programs. The sender reads and the receiver sets them, each in its own user namespace, since the kernel translates
 * the ids that are in them.
 */
#ifndef BERTH_MACHINE_TRANSFER_TREE_ATTRIBUTES_H
#define BERTH_MACHINE_TRANSFER_TREE_ATTRIBUTES_H

#include "base/text.h"
#include "machine/transfer/tree.h"

/* Sends those of an open file or folder, for the entry that follows. 0 or -errno; -EPIPE: nobody receives. */
int tree_attributes_send(int socket, int fd);

/* Attributes that were received, and wait for their entry. */
struct tree_attributes {
	struct text records; /* owned */
	size_t last;         /* offset of the last one's size */
	bool more;           /* the rest of that one is to come */
};

/* Takes an entry of type TREE_ATTRIBUTE. 0, -ENOMEM, or -EPROTO for one that nobody may send. */
int tree_attributes_add(struct tree_attributes *attributes, const struct tree_entry *entry);

/* Sets all of them. 0 or -errno. */
int tree_attributes_set(const struct tree_attributes *attributes, int fd);

void tree_attributes_clear(struct tree_attributes *attributes);

#endif
