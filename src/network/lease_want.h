/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses that a machine is to have, as a user wrote them: whether they can be a machine's of that network. */
#ifndef BERTH_NETWORK_LEASE_WANT_H
#define BERTH_NETWORK_LEASE_WANT_H

#include "network/network.h"
#include "network/subnet6.h"

/* Wishes that were checked. */
struct wanted {
	const struct lease_want *texts;
	struct in_addr address;   /* 0.0.0.0: any */
	struct in6_addr address6; /* ::: made of the other one */
};

/* Number of addresses for leases: all except those of network, gateway and broadcast. */
uint32_t wanted_count(const struct network *network);
/* The network's IPv6 subnet. False: it has none, or the host cannot have it. */
bool wanted_subnet6(const struct network *network, struct subnet6 *subnet);

/* Whether an address is named at all: NULL and "" leave it to the network. */
bool wanted_given(const char *address);
/* -EINVAL: the address is not one of the network's machines. */
int wanted_address(const struct network *network, const char *want, struct in_addr *out,
		   struct err *err);
int wanted_address6(const struct network *network, const char *want, struct in6_addr *out,
		    struct err *err);
/* -EINVAL: it is no hardware address. */
int wanted_mac(const struct network *network, const char *mac, struct err *err);
/* Checks hardware address and addresses, those that are named. want is borrowed. */
int wanted_parse(const struct network *network, const struct lease_want *want,
		 struct wanted *wanted, struct err *err);

#endif
