/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to a machine: a table of nftables for each machine that has any. Connections reach it
 * from outside with their source address, and from the host itself and other machines. Policy over kern/nft.
 */
#ifndef BERTH_NETWORK_FORWARD_H
#define BERTH_NETWORK_FORWARD_H

#include "config/values.h"
#include "network/network.h"

/* Zeroed: none. */
struct forward_list {
	struct forward *list; /* owned */
	size_t count;
};

/* -ENOMEM. */
int forward_list_add(struct forward_list *list, const struct forward *forward);
void forward_list_free(struct forward_list *list);

/* Replaces the rules of a machine in one transaction. Connections that exist stay as they are. */
int forward_update(const struct network *network, const struct lease *lease,
		   const struct forward *forwards, size_t count, struct err *err);

/* 1 if the rules are those of forward_update, 0 if not, or -errno. */
int forward_is_current(const struct network *network, const struct lease *lease,
		       const struct forward *forwards, size_t count);

/* Removes the rules of a machine. Idempotent. */
int forward_remove(const struct network *network, const char *name, struct err *err);

/*
 * Whether the host sends packets from its loopback addresses to the bridge, which connections from the host to
 * 127.0.0.1 need. The rules of forward_update keep the machine itself away from those addresses.
 */
int forward_use_loopback(const struct network *network, bool on, struct err *err);

/*
 * Finds a program of this host that uses a port of the forward itself, and would no longer be reached by it:
 * -EADDRINUSE with its name, or 0. ipv6: the machine has an IPv6 address, which the forward leads to as well. held:
 * forwards in mode proxy, whose processes have their ports, and are no fault.
 */
int forward_check_host(const struct forward *forward, bool ipv6, const struct forward_list *held,
		       struct err *err);

#endif
