/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that the files of the network layer share: the files and the lock of a network, and its bridge. */
#ifndef BERTH_NETWORK_BRIDGE_H
#define BERTH_NETWORK_BRIDGE_H

#include "kern/link.h"
#include "network/link_names.h"
#include "network/network.h"
#include "network/subnet6.h"

/* The path of network.conf, which the caller owns; NULL: out of memory. */
char *network_conf_path(const struct dirs *dirs, const char *name);

/* Whether a network can have that name: 0, or -EINVAL with a sentence. */
int network_check_name(const char *name, struct err *err);

/* Tells of a network without settings: absent or in the making (-ENOENT), or broken (-ENODATA). */
int network_tell_rest(const struct dirs *dirs, const char *name, struct err *err);

/* Takes the lock of a network, which every change needs: a descriptor, or -code. */
int network_lock(const struct network *network, struct err *err);

/* Adds a sentence to network->warning. */
void network_warn(struct network *network, const char *form, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Finds the bridge of the network. -ENODEV without a sentence: there is none. -EEXIST with a sentence: a link of that
 * name is not ours. Other failures of netlink have a sentence too.
 */
int bridge_find(const struct network *network, struct link_socket *links, struct link_info *bridge,
		struct err *err);

/* link_open, with a sentence for its failure. */
int bridge_open_links(const struct network *network, struct link_socket **links, struct err *err);

/*
 * Lists the machines that have a lease, or with `running` also a port, for sentences: "'a', 'b' and 3 more"; "" if
 * there are none or the list cannot be read.
 */
enum { NAMES_ROOM = 320 };
void bridge_names(const struct network *network, bool running, char out[NAMES_ROOM]);

/* Checks that the network was not deleted during the wait for its lock, by name. */
int bridge_check_exists(const struct network *network, struct err *err);

/*
 * The text of a subnet6 that a network gets: "auto" becomes a prefix that is drawn, unless it has one. -EADDRINUSE:
 * another network or a route of the host has it.
 */
int network_choose_subnet6(const struct network *network, struct link_socket *links,
			   const char *wanted, char out[SUBNET6_TEXT], struct err *err);

/* network_up of a network that has its bridge, for a caller that holds the network's lock. Otherwise nothing is done. */
int bridge_renew(struct network *network, struct err *err);

/* Checks that no machine is on the bridge: 0, or -EBUSY with their names. */
int bridge_check_idle(const struct network *network, struct err *err);

/* network_down, for a caller that holds the network's lock. */
int bridge_down(const struct network *network, struct err *err);

/* Sets err to the kernel's reason for a failed request about an object of this network. Returns -code. */
int bridge_tell(const struct network *network, const struct link_socket *links, int r,
		const char *what, struct err *err);

#endif
