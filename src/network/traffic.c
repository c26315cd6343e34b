/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of a machine's port: those of its link and those of its guard. */
#include "kern/link.h"
#include "network/guard.h"
#include "network/link_names.h"

#include <string.h>

int network_traffic(const struct network *network, const char *name, struct traffic *traffic)
{
	scoped_links struct link_socket *links = NULL;
	char ifname[IFNAMSIZ];
	struct link_info port;
	int r = link_open(&links);

	port_ifname(network, name, ifname);
	if (r == 0)
		r = link_find(links, ifname, &port);
	if (r < 0)
		return r;
	/* The port sends what the machine receives. */
	*traffic = (struct traffic){ .received_packets = port.sent_packets,
				     .received_bytes = port.sent_bytes,
				     .sent_packets = port.received_packets,
				     .sent_bytes = port.received_bytes };
	return guard_dropped(network, name, &traffic->guarded);
}
