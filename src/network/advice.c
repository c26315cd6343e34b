/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sentences about settings of a network that are allowed, and probably not what was meant. */
#include "network/bridge.h"
#include "network/network.h"
#include "network/subnet.h"
#include "network/subnet6.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Networks whose addresses no host of the internet has: RFC 1918, 6598, 3927, 2544, 5737. */
static bool is_private(const struct subnet *subnet)
{
	static const struct {
		uint32_t network;
		unsigned prefix;
	} nowhere[] = {
		{ 0x0a000000, 8 },  { 0xac100000, 12 }, { 0xc0a80000, 16 },
		{ 0x64400000, 10 }, { 0xa9fe0000, 16 }, { 0xc6120000, 15 },
		{ 0xc0000200, 24 }, { 0xc6336400, 24 }, { 0xcb007100, 24 },
	};

	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		uint32_t mask = UINT32_MAX << (32 - nowhere[i].prefix);
		if (subnet->prefix >= nowhere[i].prefix &&
		    (ntohl(subnet->network.s_addr) & mask) == nowhere[i].network)
			return true;
	}
	return false;
}

/* Unique local addresses of RFC 4193, and those for examples of RFC 3849. */
static bool is_private6(const struct subnet6 *subnet)
{
	static const unsigned char examples[] = { 0x20, 0x01, 0x0d, 0xb8 };
	const unsigned char *bytes = subnet->network.s6_addr;

	return (bytes[0] & 0xfe) == 0xfc || memcmp(bytes, examples, sizeof examples) == 0;
}

static bool is_given(const struct config_change *changes, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(changes[i].name, key) == 0 && changes[i].value)
			return true;
	}
	return false;
}

/* Translation on a network that nothing leaves. */
static void doubt_nat(const struct network *network, const struct config_change *changes,
		      size_t count, struct text *notes)
{
	const bool wanted[] = { network->config.nat, network->config.nat6 };
	static const char *const keys[] = { "nat", "nat6" };

	for (size_t i = 0; i < 2; i++) {
		if (wanted[i] && is_given(changes, count, keys[i]))
			text_add(notes,
				 "network '%s' is private: nothing leaves it, whatever %s says; "
				 "kind=bridge lets its machines out\n",
				 network->name, keys[i]);
	}
}

static void doubt_subnet(const struct network *network, const char *subnet, const char *nat,
			 struct text *notes)
{
	text_add(notes,
		 "network '%s': %s is no private network: its machines do not reach the hosts of "
		 "the internet that have these addresses; if it is routed to this host: berth "
		 "network set %s %s=no\n",
		 network->name, subnet, network->name, nat);
}

/* A parent that may come later, as one of USB does. The note tells a name that was mistyped. */
static void doubt_parent(const struct network *network, struct text *notes)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info parent;
	struct err why = { 0 };

	if (config_has_parent(&network->config) && bridge_open_links(network, &links, &why) == 0 &&
	    bridge_find(network, links, &parent, &why) == -ENODEV)
		text_add(notes,
			 "network '%s': the host has no link '%s' now; machines start on the "
			 "network once it is there\n",
			 network->name, network->config.parent);
}

/* A machine on an interface of the host's is out of the reach of the host and of its firewall. */
static void tell_limits(const struct network *network, struct text *notes)
{
	if (config_is_physical(&network->config))
		text_add(notes,
			 "network '%s': the host is without '%s' while a machine on the network "
			 "runs; "
			 "no guard keeps that one from using others' addresses\n",
			 network->name, network->config.parent);
	else if (config_is_inside(&network->config))
		text_add(notes,
			 "network '%s': the host itself does not reach its machines by '%s', nor "
			 "they it; no guard keeps them from using others' addresses\n",
			 network->name, network->config.parent);
}

void network_advise(const struct network *network, const struct config_change *changes,
		    size_t count, bool is_new, struct text *notes)
{
	struct subnet subnet;
	struct subnet6 subnet6;

	if (!config_is_own(&network->config)) {
		if (is_new) {
			doubt_parent(network, notes);
			tell_limits(network, notes);
		}
		return;
	}
	if (config_is_private(&network->config)) {
		doubt_nat(network, changes, count, notes);
		return;
	}
	if ((is_new || is_given(changes, count, "nat")) && network->config.nat &&
	    subnet_parse(network->config.subnet, &subnet) == 0 && !is_private(&subnet))
		doubt_subnet(network, network->config.subnet, "nat", notes);
	if ((is_given(changes, count, "subnet6") || is_given(changes, count, "nat6")) &&
	    network->config.nat6 && subnet6_parse(network->config.subnet6, &subnet6) == 0 &&
	    !is_private6(&subnet6))
		doubt_subnet(network, network->config.subnet6, "nat6", notes);
}
