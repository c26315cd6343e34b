/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A static route of either family, as settings name it and the kernel gets it. */
#ifndef BERTH_BASE_IP_ROUTE_H
#define BERTH_BASE_IP_ROUTE_H

struct ip_route {
	int family;            /* AF_INET or AF_INET6 */
	unsigned char to[16];  /* in the family's 4 or 16 bytes, as via */
	unsigned prefix;       /* bits of the network that it leads to */
	unsigned char via[16]; /* the gateway */
};

#endif
