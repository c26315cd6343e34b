/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The static routes of a lease: those of the network, and those of the interface. */
#include "network/network.h"

#include <arpa/inet.h>
#include <string.h>

static void put(struct route_list *routes, const struct ip_route *route)
{
	unsigned i = 0;

	while (i < routes->count && !routes_same_target(&routes->list[i], route))
		i++;
	if (i == sizeof routes->list / sizeof *routes->list)
		return;
	routes->list[i] = *route;
	if (i == routes->count)
		routes->count++;
}

void lease_add_routes(struct lease *lease, const char *routes)
{
	struct route_list more;

	if (!routes || !*routes || config_routes(routes, &more))
		return;
	for (unsigned i = 0; i < more.count; i++)
		put(&lease->routes, &more.list[i]);
}

/* Whether a gateway is in the subnet of the lease's address, and not the machine itself. */
static bool reaches(const struct lease *lease, const struct ip_route *route)
{
	bool six = route->family == AF_INET6;
	const unsigned char *own =
		six ? lease->address6.s6_addr : (const unsigned char *)&lease->address.s_addr;
	unsigned bits = six ? lease->prefix6 : lease->prefix;

	for (unsigned bit = 0; bit < bits; bit++) {
		if ((own[bit / 8] ^ route->via[bit / 8]) & 0x80u >> bit % 8)
			return false;
	}
	return bits != 0 && memcmp(own, route->via, six ? 16 : 4) != 0;
}

void lease_reached_routes(const struct lease *lease, struct route_list *out)
{
	out->count = 0;
	for (unsigned i = 0; i < lease->routes.count; i++) {
		if (reaches(lease, &lease->routes.list[i]))
			out->list[out->count++] = lease->routes.list[i];
	}
}

int network_check_routes(const struct network *network, const char *nic, const char *routes,
			 struct err *err)
{
	return config_check_routes(&network->config, routes, err) < 0
		       ? err_wrap(err, "nic '%s' on network '%s'", nic, network->name)
		       : 0;
}
