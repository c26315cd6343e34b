/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that a machine has got by itself, as they are on its interface. */
#include "kern/link.h"
#include "network/network.h"

#include <stdio.h>

void network_see_addresses(struct lease *lease, pid_t pid)
{
	scoped_links struct link_socket *links = NULL;
	struct link_addresses seen = { 0 };
	struct link_info link;

	if ((lease->prefix && lease->prefix6 && !lease->inside) || link_open_in(&links, pid) < 0 ||
	    link_find(links, lease->link, &link) < 0)
		return;
	if (lease->inside)
		snprintf(lease->mac, sizeof lease->mac, "%02x:%02x:%02x:%02x:%02x:%02x",
			 link.mac[0], link.mac[1], link.mac[2], link.mac[3], link.mac[4],
			 link.mac[5]);
	if (link_first_addresses(links, link.index, &seen) < 0)
		return;
	if (!lease->prefix) {
		lease->address = seen.address;
		lease->prefix = seen.prefix;
	}
	if (!lease->prefix6) {
		lease->address6 = seen.address6;
		lease->prefix6 = seen.prefix6;
	}
}
