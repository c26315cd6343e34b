/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of a machine's port: a guest can only send with its own addresses, and firewall rules (filter.h). Policy
 * over kern/nft.
 */
#ifndef BERTH_NETWORK_GUARD_H
#define BERTH_NETWORK_GUARD_H

#include "network/network.h"

/*
 * Sets the rules of the port that network_attach made, in one transaction. Dropped before the bridge learns from them:
 * frames from another hardware address; ARP and IPv4 from another address; IPv6 whose address does not end in the
 * interface identifier of the hardware address, with any prefix; probes for addresses of others; packets to a DHCP
 * client; router advertisements and redirects; all that is neither ARP nor IP, or has a VLAN tag; and fragments that
 * hide their protocol. On a network that is not berth's own, addresses of IP are checked only where the lease has one.
 * Firewall rules follow. Flows of rules that are replaced stay known.
 */
int guard_port(const struct network *network, const struct lease *lease,
	       const struct port_rules *wanted, struct err *err);

/* 1 if the port has its rules, 0 if not, -ENODEV if there is no port, or -errno. */
int guard_is_current(const struct network *network, const struct lease *lease,
		     const struct port_rules *wanted);

/* Whether the port has rules, which are others: those of earlier settings, or of an earlier lease. */
bool guard_is_outdated(const struct network *network, const struct lease *lease,
		       const struct port_rules *wanted);

/* guard_port for a running machine; 0 also if it has just ended. */
int guard_renew(const struct network *network, const struct lease *lease,
		const struct port_rules *wanted, struct err *err);

/*
 * The packets of the port that its rules against other senders have dropped since they were made; 0 without rules. 0 or
 * -errno.
 */
int guard_dropped(const struct network *network, const char *name, uint64_t *packets);

/* Whether a port of the network has had a rule that names a machine, since the host has booted. */
bool guard_has_peers(const struct network *network);

/*
 * Adds the packets that firewall rules have dropped since they were made or changed, to the section of each; a section
 * NULL gets those that no rule allowed. 1; 0: the port has other rules; or -errno.
 */
struct guard_count {
	const struct section *section;
	uint64_t dropped;
};
int guard_count_rules(const struct network *network, const struct lease *lease,
		      const struct port_rules *wanted, struct guard_count *counts, size_t room);

/* Removes the rules; Linux before 6.16 removes them with the link. Idempotent. */
int guard_remove(const struct network *network, const char *name, struct err *err);

#endif
