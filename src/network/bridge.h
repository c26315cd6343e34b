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

/* Takes the lock under which networks choose their subnets; before that of a network. */
int networks_lock(const struct dirs *dirs, struct err *err);

/* Adds a sentence to network->warning. */
void network_warn(struct network *network, const char *form, ...)
	__attribute__((format(printf, 2, 3)));

/* The name of its bridge, or of the link of the host's that its machines are put on; "" for the kind none. Borrowed. */
const char *bridge_link(const struct network *network);

/*
 * Finds the link of that name. -ENODEV without a sentence: there is none. With a sentence: -EEXIST, it is not the
 * network's own bridge; -EMEDIUMTYPE, it is no link that the kind of the network can use; failures of netlink. A
 * network of kind none has no link, which is no failure.
 */
int bridge_find(const struct network *network, struct link_socket *links, struct link_info *bridge,
		struct err *err);

/* The sentence for a parent that the host does not have: -ENODEV; -EBUSY: a machine has it. */
int parent_tell_missing(const struct network *network, struct err *err);
/* Whether a link of the host's can be the parent of a network of that kind: 0, or -EMEDIUMTYPE by name. */
int parent_check(const struct network *network, const struct link_info *parent, struct err *err);

/* link_open, with a sentence for its failure. */
int bridge_open_links(const struct network *network, struct link_socket **links, struct err *err);

/*
 * Fills in the name servers of a lease: the gateway of an own network; else those of the network's settings, or with a
 * fixed address those that the host asks; none, if its DHCP tells them.
 */
void network_add_servers(const struct network *network, struct lease *lease);

/*
 * Lists the machines that have a lease, or with `running` also a port, for sentences: "'a', 'b' and 3 more"; "" if
 * there are none or the list cannot be read. Returns their number.
 */
enum { NAMES_ROOM = 320 };
size_t bridge_names(const struct network *network, bool running, char out[NAMES_ROOM]);

/* Removes what the network has in the run folder. */
void network_remove_run(const struct network *network);

/* Checks that the network was not deleted during the wait for its lock, by name. */
int bridge_check_exists(const struct network *network, struct err *err);

/*
 * The text of a subnet6 that a network gets: "auto" becomes a prefix that is drawn, unless it has one. -EADDRINUSE:
 * another network or a route of the host has it.
 */
int network_choose_subnet6(const struct network *network, struct link_socket *links,
			   const char *wanted, char out[SUBNET6_TEXT], struct err *err);

/* Sets err to the kernel's reason for a failed request about an object of this network. Returns -code. */
int bridge_tell(const struct network *network, const struct link_socket *links, int r,
		const char *what, struct err *err);

#endif
