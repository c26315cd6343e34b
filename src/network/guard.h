/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine's port lets in: a guest speaks for itself alone. Policy over kern/nft. */
#ifndef BERTH_NETWORK_GUARD_H
#define BERTH_NETWORK_GUARD_H

#include "network/network.h"

/*
 * On the port that network_attach made for the lease: frames from another hardware address than the
 * lease's, ARP and IPv4 from another address, IPv6 from one that does not end as the hardware address
 * wants it, whatever its prefix, probes for others' addresses, what goes to a DHCP client, router
 * advertisements and redirects, whatever is neither ARP nor IP or has a tag of a virtual LAN, and
 * fragments that hide what they are, are dropped; before the bridge learns from them. One transaction.
 */
int guard_port(const struct network *network, const struct lease *lease, struct err *err);

/* 1 when the port has its rules, 0 when not, -ENODEV when there is no port, or -errno. */
int guard_is_current(const struct network *network, const struct lease *lease);

/* guard_port for a machine that runs; success if it just ended. */
int guard_renew(const struct network *network, const struct lease *lease, struct err *err);

/* Linux before 6.16 removes it with the link. Idempotent. */
int guard_remove(const struct network *network, const char *name, struct err *err);

#endif
