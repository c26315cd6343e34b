/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/lease_want.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

int wanted_mac(const struct network *network, const char *mac, struct err *err)
{
	size_t n = strlen(mac);
	bool good = n == 17;

	for (size_t i = 0; good && i < n; i++)
		good = i % 3 == 2 ? mac[i] == ':' : isxdigit((unsigned char)mac[i]) != 0;
	if (!good)
		return err_set(
			err, EINVAL,
			"network '%s': '%.40s' is not a MAC address such as 10:66:6a:01:02:03",
			network->name, mac);
	return 0;
}

uint32_t wanted_count(const struct network *network)
{
	return (UINT32_MAX >> network->prefix) - 2;
}

/* An address of a network that is not berth's own: any of a machine of that subnet. */
static int parse_foreign(const struct network *network, const char *want, struct in_addr *out,
			 struct err *err)
{
	struct in_addr address;

	if (inet_pton(AF_INET, want, &address) != 1)
		return err_set(err, EINVAL, "network '%s': '%.40s' is not an IPv4 address",
			       network->name, want);
	if (!network->prefix)
		return err_set(err, EINVAL,
			       "network '%s': a fixed address such as %s needs to know the subnet "
			       "that is in use there; create the network with subnet=SUBNET and "
			       "gateway=ADDRESS, or leave the address to its DHCP",
			       network->name, want);
	uint32_t i = ntohl(address.s_addr) - ntohl(network->subnet.s_addr);
	if (i == 0 || i >= UINT32_MAX >> network->prefix ||
	    address.s_addr == network->gateway.s_addr)
		return err_set(
			err, EINVAL,
			"network '%s': address %s cannot be a machine's: the subnet is %s%s%s",
			network->name, want, network->config.subnet,
			*network->config.gateway ? " and the gateway " : "",
			network->config.gateway);
	*out = address;
	return 0;
}

int wanted_address(const struct network *network, const char *want, struct in_addr *out,
		   struct err *err)
{
	struct in_addr address;
	char gateway[INET_ADDRSTRLEN];

	if (!config_is_own(&network->config))
		return parse_foreign(network, want, out, err);
	inet_ntop(AF_INET, &network->gateway, gateway, sizeof gateway);
	if (inet_pton(AF_INET, want, &address) != 1)
		return err_set(err, EINVAL, "network '%s': '%.40s' is not an IPv4 address",
			       network->name, want);
	uint32_t i = ntohl(address.s_addr) - ntohl(network->gateway.s_addr) - 1;
	if (i >= wanted_count(network))
		return err_set(err, EINVAL,
			       "network '%s': address %s cannot be a machine's: the subnet is %s "
			       "and the gateway %s",
			       network->name, want, network->config.subnet, gateway);
	*out = address;
	return 0;
}

bool wanted_given(const char *address)
{
	return address && *address;
}

bool wanted_subnet6(const struct network *network, struct subnet6 *subnet)
{
	return network->prefix6 && subnet6_parse(network->config.subnet6, subnet) == 0;
}

static int refuse_address6(const struct network *network, const char *want, struct err *err)
{
	return err_set(err, EINVAL,
		       "network '%s': IPv6 address %s cannot be a machine's: the subnet is %s, and "
		       "its first two addresses are the network's",
		       network->name, want, network->config.subnet6);
}

int wanted_address6(const struct network *network, const char *want, struct in6_addr *out,
		    struct err *err)
{
	struct in6_addr address;
	struct in_addr made_of;
	struct subnet6 subnet;
	char other[INET_ADDRSTRLEN];

	if (!wanted_subnet6(network, &subnet) && !config_is_own(&network->config))
		return err_set(err, EINVAL,
			       "network '%s': a fixed address such as %s needs to know the IPv6 "
			       "network that is in use there: berth network set %s "
			       "subnet6=PREFIX gateway6=ADDRESS",
			       network->name, want, network->name);
	if (!wanted_subnet6(network, &subnet))
		return err_set(err, EINVAL,
			       "network '%s' has no IPv6 network that %s could be in; give it one: "
			       "berth network set %s subnet6=PREFIX",
			       network->name, want, network->name);
	if (inet_pton(AF_INET6, want, &address) != 1)
		return err_set(err, EINVAL, "network '%s': '%.60s' is not an IPv6 address",
			       network->name, want);
	if (!subnet6_has(&subnet, &address) ||
	    memcmp(&address, &subnet.network, sizeof address) == 0 ||
	    memcmp(&address, &network->gateway6, sizeof address) == 0)
		return refuse_address6(network, want, err);
	/* So a fixed address is never the one that another machine gets by itself. */
	if (config_is_own(&network->config) && subnet6_is_made(&subnet, &address, &made_of) &&
	    ntohl(made_of.s_addr) - ntohl(network->gateway.s_addr) - 1 < wanted_count(network)) {
		inet_ntop(AF_INET, &made_of, other, sizeof other);
		return err_set(err, EINVAL,
			       "network '%s': IPv6 address %s is that of the machine with address "
			       "%s; set that one, or choose another",
			       network->name, want, other);
	}
	*out = address;
	return 0;
}

int wanted_parse(const struct network *network, const struct lease_want *want,
		 struct wanted *wanted, struct err *err)
{
	*wanted = (struct wanted){ .texts = want };
	if (wanted_mac(network, want->mac, err) < 0 ||
	    (wanted_given(want->address) &&
	     wanted_address(network, want->address, &wanted->address, err) < 0))
		return -err->code;
	/* On a host without IPv6, the machine does without its address. */
	return !wanted_given(want->address6) || network->without_ipv6
		       ? 0
		       : wanted_address6(network, want->address6, &wanted->address6, err);
}
