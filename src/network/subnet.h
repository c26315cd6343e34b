/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 networks: read, compare, and choose one that nobody has. No I/O but the look at the host. */
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
	char owner[80]; /* who has it, for sentences: "network 'x'", "link 'eth0'" */
};

struct subnet_list {
	struct subnet *items; /* owned */
	size_t count;
};

void subnet_list_free(struct subnet_list *list);
#define scoped_subnets __attribute__((cleanup(subnet_list_free)))
int subnet_list_add(struct subnet_list *list, const struct subnet *subnet);

/* "10.1.16.0/20"; at least 4 addresses. 0, or -EINVAL. */
int subnet_parse(const char *text, struct subnet *subnet);
void subnet_text(const struct subnet *subnet, char *out, size_t room);
bool subnet_has(const struct subnet *subnet, struct in_addr address);

/* The first of list that shares an address with subnet, or NULL. */
const struct subnet *subnet_collision(const struct subnet_list *list, const struct subnet *subnet);

/* Adds all that the host has: addresses, routes of every table, its name servers. */
int subnet_add_host(struct subnet_list *taken, struct link_socket *links);

/*
 * A private /20 (RFC 1918) that collides with none of taken: where to begin is hashed from seed, so
 * that the same site and name get the same network again, and different hosts different ones.
 * 4,093 machines fit, which is more than the 1,023 ports of a bridge can run at once, so that stopped
 * ones keep their addresses. -EADDRNOTAVAIL when all are taken.
 */
int subnet_choose(const struct subnet_list *taken, const char *seed, struct subnet *subnet);

#endif
