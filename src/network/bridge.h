/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the network layer share: its lock, and the look at its bridge. */
#ifndef BERTH_NETWORK_BRIDGE_H
#define BERTH_NETWORK_BRIDGE_H

#include "kern/link.h"
#include "network/link_names.h"
#include "network/network.h"

/* The lock of one network, for everything that changes it: a descriptor, or -code. */
int network_lock(const struct network *network, struct err *err);

/*
 * Finds the network's bridge: 0, -ENODEV when it is not there, -EEXIST with a sentence when a link of
 * that name is not ours (only then, and when netlink fails, err is set).
 */
int bridge_find(const struct network *network, struct link_socket *links, struct link_info *bridge,
		struct err *err);

/* link_open, with a sentence. */
int bridge_open_links(const struct network *network, struct link_socket **links, struct err *err);

/*
 * Names of machines that have a lease, or, with running, a port as well, for sentences: "'a', 'b' and 3
 * more"; "" if there are none, or their list cannot be read.
 */
enum { NAMES_ROOM = 320 };
void bridge_names(const struct network *network, bool running, char out[NAMES_ROOM]);

/* network_down for one who has the lock. */
int bridge_down(const struct network *network, struct err *err);

/* err: what netlink said about an object of this network. */
int bridge_tell(const struct network *network, const struct link_socket *links, int r,
		const char *what, struct err *err);

#endif
