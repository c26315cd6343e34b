/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and hardware addresses of the links of a network: its bridge and its machines' ports. */
#ifndef BERTH_NETWORK_LINK_NAMES_H
#define BERTH_NETWORK_LINK_NAMES_H

#include "kern/link.h"
#include "network/network.h"

#define PORT_PREFIX "bp"

/*
 * A name for the bridge of a network: "berth0" for the network "default" of the system's own state, "berth-NAME" or a
 * hash for the others, and a name with the installation's tag below --root. attempt: 0, and higher for the next name to
 * try when one is taken.
 */
void bridge_name(const struct dirs *dirs, const char *network, unsigned attempt,
		 char name[IFNAMSIZ]);

/* The hardware address of the network's bridge; each network has its own. */
void bridge_mac(const struct network *network, unsigned char mac[LINK_MAC]);

/* The name of the host end of a machine's veth pair; its link alias is the lease's name. */
void port_ifname(const struct network *network, const char *name, char ifname[IFNAMSIZ]);

/* "10:66:6a:01:02:03" as bytes; -EINVAL. */
int port_parse_mac(const char *text, unsigned char mac[LINK_MAC]);

/* The link-local IPv6 address that is made from a hardware address (RFC 4291, appendix A). */
struct in6_addr port_link_local(const unsigned char mac[LINK_MAC]);

#endif
