/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6 networks: parse, compare, draw a private one, and the addresses that machines get in it. */
#ifndef BERTH_NETWORK_SUBNET6_H
#define BERTH_NETWORK_SUBNET6_H

#include "kern/link.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct subnet6 {
	struct in6_addr network;
	unsigned prefix; /* 64 to 96 */
};

/* Parses "fd00:1:2:3::/64". 0, or -EINVAL, also for "none" and "auto". */
int subnet6_parse(const char *text, struct subnet6 *subnet);

enum { SUBNET6_TEXT = INET6_ADDRSTRLEN + 4 };
void subnet6_text(const struct subnet6 *subnet, char out[SUBNET6_TEXT]);

bool subnet6_has(const struct subnet6 *subnet, const struct in6_addr *address);

/* The bridge's own address: the first one. */
struct in6_addr subnet6_gateway(const struct subnet6 *subnet);

/* The address of a machine: the last 32 bits are its IPv4 address, which no other machine of the network has. */
struct in6_addr subnet6_address(const struct subnet6 *subnet, struct in_addr address);

/* Whether an address has the form of subnet6_address, and the IPv4 address in it. */
bool subnet6_is_made(const struct subnet6 *subnet, const struct in6_addr *address,
		     struct in_addr *made_of);

/*
 * Whether a subnet overlaps an address or a route of the host, default routes left out: 1, 0, or -errno. other: the
 * network in the way. but: index of a link whose addresses and routes do not count, or 0. wider: routes to networks
 * that contain the subnet count too; a part of a routed prefix is a subnet that an administrator may choose.
 */
int subnet6_collides(const struct subnet6 *subnet, struct link_socket *links, int but, bool wider,
		     struct subnet6 *other);
bool subnet6_overlap(const struct subnet6 *one, const struct subnet6 *other);

/* Draws a unique local /64 (RFC 4193), with a random global id of 40 bits. 0, or -errno. */
int subnet6_draw(struct subnet6 *subnet);

#endif
