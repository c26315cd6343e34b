/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 networks: parse, compare, and choose a free one. No I/O but subnet_add_host. */
#ifndef BERTH_NETWORK_SUBNET_H
#define BERTH_NETWORK_SUBNET_H

#include "base/err.h"
#include "kern/link.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct subnet {
	struct in_addr network;
	unsigned prefix;
	char owner[80]; /* its owner, for sentences: "network 'x'", "link 'eth0'" */
};

struct subnet_list {
	struct subnet *items; /* owned */
	size_t count;
};

void subnet_list_free(struct subnet_list *list);
#define scoped_subnets __attribute__((cleanup(subnet_list_free)))
int subnet_list_add(struct subnet_list *list, const struct subnet *subnet);

/* Parses "10.1.16.0/20"; at least 4 addresses. 0, or -EINVAL. */
int subnet_parse(const char *text, struct subnet *subnet);
void subnet_text(const struct subnet *subnet, char *out, size_t room);
bool subnet_has(const struct subnet *subnet, struct in_addr address);

/* The first subnet of the list that overlaps, or NULL. */
const struct subnet *subnet_collision(const struct subnet_list *list, const struct subnet *subnet);

/* Whether two subnets, as texts, have an address in common. */
bool subnet_texts_collide(const char *one, const char *other);

/* Adds the subnets in use on the host: addresses, routes of every table, name servers. */
int subnet_add_host(struct subnet_list *taken, struct link_socket *links);

/*
 * Chooses a private /20 (RFC 1918) that overlaps none of `taken`. The search begins at a hash of seed, so that the same
 * installation and name get the same subnet again, and hosts differ. A /20 has room for 4,093 machines, more than the
 * 1,023 ports of a bridge, so that stopped machines keep their addresses. -EADDRNOTAVAIL: all are taken.
 */
int subnet_choose(const struct subnet_list *taken, const char *seed, struct subnet *subnet);

#endif
