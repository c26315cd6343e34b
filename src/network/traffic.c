/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of a machine's port: those of its link and those of its guard. */
#include "kern/link.h"
#include "network/guard.h"
#include "network/inside_note.h"
#include "network/link_names.h"

#include <string.h>

/* An interface without an end on the host has counters of the machine's side, and no guard. */
static int inside_traffic(const struct network *network, const char *name, struct traffic *traffic)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info link;
	int r = inside_find(network, name, &links, &link);

	if (r == 0)
		*traffic = (struct traffic){ .received_packets = link.received_packets,
					     .received_bytes = link.received_bytes,
					     .sent_packets = link.sent_packets,
					     .sent_bytes = link.sent_bytes,
					     .unguarded = true };
	return r;
}

int network_traffic(const struct network *network, const char *name, struct traffic *traffic)
{
	scoped_links struct link_socket *links = NULL;
	char ifname[IFNAMSIZ];
	struct link_info port;

	if (config_is_inside(&network->config))
		return inside_traffic(network, name, traffic);
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
