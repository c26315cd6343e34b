/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static routes of networks and interfaces: "10.9.0.0/16 via 10.0.0.7, fd09::/48 via fd00::7". */
#include "config/types.h"

#include "base/scoped.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static unsigned bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

static bool has_host_bits(const struct ip_route *route)
{
	for (unsigned bit = route->prefix; bit < bits_of(route->family); bit++) {
		if (route->to[bit / 8] & 0x80u >> bit % 8)
			return true;
	}
	return false;
}

/* No machine and no router is a group, a loopback or a link-local address. */
static bool is_usable(int family, const unsigned char *address)
{
	const struct in6_addr *six = (const struct in6_addr *)address;

	if (family == AF_INET)
		return address[0] != 0 && address[0] != 127 && address[0] < 224;
	return !IN6_IS_ADDR_MULTICAST(six) && !IN6_IS_ADDR_LINKLOCAL(six) &&
	       !IN6_IS_ADDR_LOOPBACK(six) && !IN6_IS_ADDR_V4MAPPED(six) &&
	       !IN6_IS_ADDR_UNSPECIFIED(six);
}

/* Parses "10.9.0.0/16", in place. NULL, or its fault. */
static const char *parse_network(char *text, struct ip_route *route)
{
	char *slash = strchr(text, '/');
	uint64_t prefix;

	if (!slash)
		return "has a destination without a prefix; write one address as ADDRESS/32 or "
		       "ADDRESS/128";
	*slash = '\0';
	route->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(route->family, text, route->to) != 1 ||
	    text_to_u64(slash + 1, 0, bits_of(route->family), &prefix) < 0)
		return "has a destination that is no network; use NETWORK/BITS via ADDRESS, such "
		       "as 10.9.0.0/16 via 10.1.0.7";
	route->prefix = (unsigned)prefix;
	if (prefix == 0)
		return "has the default route, which is no static one; key route of a nic says "
		       "which "
		       "interface has it";
	if (!is_usable(route->family, route->to))
		return "has a destination that no host has";
	return has_host_bits(route)
		       ? "has a destination with bits behind its prefix; they have to be 0"
		       : NULL;
}

static const char *parse_one(char *text, struct ip_route *route)
{
	const char *words[4] = { NULL };
	char *rest = NULL;
	size_t count = 0;

	*route = (struct ip_route){ 0 };
	for (char *word = strtok_r(text, " \t", &rest); word && count < 4;
	     word = strtok_r(NULL, " \t", &rest))
		words[count++] = word;
	if (count != 3 || strcmp(words[1], "via") != 0)
		return "is no list of routes; use NETWORK/BITS via ADDRESS, such as 10.9.0.0/16 "
		       "via 10.1.0.7, joined by commas";
	const char *fault = parse_network((char *)(uintptr_t)words[0], route);
	if (fault)
		return fault;
	if (inet_pton(route->family, words[2], route->via) != 1)
		return (strchr(words[2], ':') != NULL) != (route->family == AF_INET6)
			       ? "has a destination of one family and a gateway of the other"
			       : "has a gateway that is no address";
	return is_usable(route->family, route->via) ? NULL : "has a gateway that no machine can be";
}

bool routes_same_target(const struct ip_route *one, const struct ip_route *other)
{
	return one->family == other->family && one->prefix == other->prefix &&
	       memcmp(one->to, other->to, sizeof one->to) == 0;
}

const char *config_routes(const char *text, struct route_list *routes)
{
	scoped_free char *copy = strdup(text);
	char *rest = copy;

	routes->count = 0;
	if (!copy)
		return "is too much for the memory";
	for (char *one; *text && (one = strsep(&rest, ","));) {
		struct ip_route route;
		const char *fault = parse_one(one, &route);
		if (fault)
			return fault;
		if (routes->count == ROUTES_MAX)
			return "has more than 16 routes";
		for (unsigned i = 0; i < routes->count; i++) {
			if (routes_same_target(&routes->list[i], &route))
				return "has two routes to one network";
		}
		routes->list[routes->count++] = route;
	}
	return NULL;
}

void config_route_text(const struct ip_route *route, char to[ROUTE_TEXT], char via[ROUTE_TEXT])
{
	inet_ntop(route->family, route->to, to, ROUTE_TEXT);
	inet_ntop(route->family, route->via, via, ROUTE_TEXT);
	size_t n = strlen(to);
	text_print(to + n, ROUTE_TEXT - n, "/%u", route->prefix);
}

int type_parse_routes(const struct key *key, const char *text, union value *value, struct err *err)
{
	char to[ROUTE_TEXT], via[ROUTE_TEXT];
	scoped_text struct text canonical = { 0 };
	struct route_list routes;
	const char *fault = config_routes(text, &routes);

	if (fault)
		return err_set(err, EINVAL, "%s '%.200s' %s", key->name, text, fault);
	for (unsigned i = 0; i < routes.count; i++) {
		config_route_text(&routes.list[i], to, via);
		text_add(&canonical, "%s%s via %s", i ? ", " : "", to, via);
	}
	return canonical.failed ? err_set(err, ENOMEM, "out of memory")
				: value_keep(text_str(&canonical), value, err);
}

/* ---- On a network */

/* Whether two addresses have the first bits in common. */
static bool share_bits(const unsigned char *one, const unsigned char *other, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(one, other, whole) == 0 &&
	       (rest == 0 || ((one[whole] ^ other[whole]) & (0xff00 >> rest) & 0xff) == 0);
}

bool config_is_in(int family, const char *address, const char *subnet)
{
	unsigned char one[16], other[16];
	char network[INET6_ADDRSTRLEN];
	const char *slash = strchr(subnet, '/');

	if (!slash ||
	    text_print(network, sizeof network, "%.*s", (int)(slash - subnet), subnet) < 0)
		return false;
	return inet_pton(family, address, one) == 1 && inet_pton(family, network, other) == 1 &&
	       share_bits(one, other, (unsigned)strtoul(slash + 1, NULL, 10));
}

static int check_one(const struct network_config *config, const struct ip_route *route,
		     struct err *err)
{
	const char *six = route->family == AF_INET6 ? "6" : "";
	const char *subnet = *six ? config->subnet6 : config->subnet;
	char to[ROUTE_TEXT], via[ROUTE_TEXT];

	config_route_text(route, to, via);
	if (!*subnet || strcmp(subnet, "none") == 0 || strcmp(subnet, "auto") == 0)
		return err_set(err, EINVAL,
			       "the route to %s leads by %s, and there is no subnet%s that this "
			       "gateway could be in; name the subnet%s, or leave the route out",
			       to, via, six, six);
	if (!config_is_in(route->family, via, subnet))
		return err_set(err, EINVAL,
			       "the route to %s leads by %s, which is not in subnet%s '%s'; name a "
			       "gateway that is",
			       to, via, six, subnet);
	return strcmp(to, subnet) == 0
		       ? err_set(err, EINVAL,
				 "the route to %s is one to subnet%s itself, which is reached "
				 "without a gateway; leave it out",
				 to, six)
		       : 0;
}

int config_check_routes(const struct network_config *config, const char *text, struct err *err)
{
	struct route_list routes;
	const char *fault = text ? config_routes(text, &routes) : NULL;

	if (!text || fault)
		return !text ? 0 : err_set(err, EINVAL, "routes '%.200s' %s", text, fault);
	for (unsigned i = 0; i < routes.count; i++) {
		if (check_one(config, &routes.list[i], err) < 0)
			return -err->code;
	}
	return 0;
}
