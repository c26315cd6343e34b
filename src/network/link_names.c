/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and hardware addresses of links. They are made from the names of the installation, the network and the machine,
 * so that every command finds the same link. Nothing here asks the kernel.
 */
#include "network/link_names.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t network_hash(const struct dirs *dirs, const char *network, unsigned attempt)
{
	char identity[512];

	snprintf(identity, sizeof identity, "%s/%s/%u", dirs->state, network, attempt);
	return text_hash(identity);
}

void bridge_name(const struct dirs *dirs, const char *network, unsigned attempt,
		 char name[IFNAMSIZ])
{
	uint64_t hash = network_hash(dirs, network, attempt);
	bool is_default = strcmp(network, "default") == 0 && attempt == 0;

	/* The forms differ: berth0, berth-X, berthTTTTTT, berthTTTTTTXXXX; ports begin with bp. */
	if (dirs->tag[0])
		snprintf(name, IFNAMSIZ, is_default ? "berth%s" : "berth%s%04x", dirs->tag,
			 (unsigned)(hash & 0xffff));
	else if (is_default)
		snprintf(name, IFNAMSIZ, "berth0");
	else if (attempt == 0 && strlen(network) <= 9)
		snprintf(name, IFNAMSIZ, "berth-%s", network);
	else
		snprintf(name, IFNAMSIZ, "berth-%09llx", (unsigned long long)(hash & 0xfffffffff));
}

/*
 * A bridge is recognized as the network's by its MAC, which is the one property that can be set in the request that
 * makes it: so a kill at any point leaves no bridge that is not recognized. The MAC is locally administered: no
 * machine's (10:66:6a) can be the same. A MAC that was set also stays: a bridge without one takes that of its lowest
 * port, and changes it as ports come and go.
 */
void bridge_mac(const struct network *network, unsigned char mac[LINK_MAC])
{
	uint64_t hash = network_hash(network->dirs, network->name, 0);

	mac[0] = 0x12;
	mac[1] = 0x66;
	mac[2] = 0x6a;
	for (int i = 3; i < LINK_MAC; i++, hash >>= 8)
		mac[i] = (unsigned char)hash;
}

void port_ifname(const struct network *network, const char *name, char ifname[IFNAMSIZ])
{
	char identity[512];

	snprintf(identity, sizeof identity, "%s/%s/%s", network->dirs->state, network->name, name);
	/* 48 bits: two of ten thousand machines meet once in five million hosts. */
	snprintf(ifname, IFNAMSIZ, PORT_PREFIX "%012llx",
		 (unsigned long long)(text_hash(identity) & 0xffffffffffff));
}

int port_parse_mac(const char *text, unsigned char mac[LINK_MAC])
{
	unsigned bytes[LINK_MAC];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		   &bytes[4], &bytes[5]) != LINK_MAC)
		return -EINVAL;
	for (int i = 0; i < LINK_MAC; i++)
		mac[i] = (unsigned char)bytes[i];
	return 0;
}

struct in6_addr port_link_local(const unsigned char mac[LINK_MAC])
{
	return (struct in6_addr){ .s6_addr = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1],
					       mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] } };
}
