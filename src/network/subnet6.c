/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/subnet6.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { PREFIX_MIN = 64, PREFIX_MAX = 96, IPV4_AT = 12 };

/* Whether two addresses agree in their first bits. */
static bool same_bits(const struct in6_addr *one, const struct in6_addr *other, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	unsigned char mask = (unsigned char)(0xff00u >> rest);

	return memcmp(one, other, whole) == 0 &&
	       (rest == 0 || ((one->s6_addr[whole] ^ other->s6_addr[whole]) & mask) == 0);
}

static void clear_bits(struct in6_addr *address, unsigned from, unsigned to)
{
	for (unsigned bit = from; bit < to; bit++)
		address->s6_addr[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
}

int subnet6_parse(const char *text, struct subnet6 *subnet)
{
	static const struct in6_addr zero;
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	struct in6_addr network, host;
	uint64_t prefix;

	if (!slash || text_print(address, sizeof address, "%.*s", (int)(slash - text), text) < 0 ||
	    inet_pton(AF_INET6, address, &network) != 1 ||
	    text_to_u64(slash + 1, PREFIX_MIN, PREFIX_MAX, &prefix) < 0)
		return -EINVAL;
	host = network;
	clear_bits(&host, 0, (unsigned)prefix);
	if (memcmp(&host, &zero, sizeof host) != 0)
		return -EINVAL;
	*subnet = (struct subnet6){ .network = network, .prefix = (unsigned)prefix };
	return 0;
}

void subnet6_text(const struct subnet6 *subnet, char out[SUBNET6_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(AF_INET6, &subnet->network, address, sizeof address);
	snprintf(out, SUBNET6_TEXT, "%s/%u", address, subnet->prefix);
}

bool subnet6_has(const struct subnet6 *subnet, const struct in6_addr *address)
{
	return same_bits(&subnet->network, address, subnet->prefix);
}

struct in6_addr subnet6_gateway(const struct subnet6 *subnet)
{
	struct in6_addr gateway = subnet->network;

	gateway.s6_addr[15] = 1;
	return gateway;
}

struct in6_addr subnet6_address(const struct subnet6 *subnet, struct in_addr address)
{
	struct in6_addr made = subnet->network;

	memcpy(made.s6_addr + IPV4_AT, &address, sizeof address);
	return made;
}

bool subnet6_is_made(const struct subnet6 *subnet, const struct in6_addr *address,
		     struct in_addr *made_of)
{
	if (!same_bits(&subnet->network, address, PREFIX_MAX))
		return false;
	memcpy(made_of, address->s6_addr + IPV4_AT, sizeof *made_of);
	return true;
}

bool subnet6_overlap(const struct subnet6 *one, const struct subnet6 *other)
{
	return same_bits(&one->network, &other->network,
			 one->prefix < other->prefix ? one->prefix : other->prefix);
}

struct search {
	const struct subnet6 *subnet;
	int but;
	bool wider;
	struct subnet6 *other;
};

static int compare(void *context, const struct in6_addr *network, unsigned prefix, int index)
{
	struct search *search = context;
	const struct subnet6 found = { .network = *network, .prefix = prefix };

	/* Halves of a default route, and the range of all public addresses, do not show that addresses are in use. */
	if (prefix <= 3 || (search->but && index == search->but) ||
	    (!search->wider && prefix < search->subnet->prefix) ||
	    !subnet6_overlap(&found, search->subnet))
		return 0;
	*search->other = found;
	clear_bits(&search->other->network, found.prefix, 128);
	return 1;
}

int subnet6_collides(const struct subnet6 *subnet, struct link_socket *links, int but, bool wider,
		     struct subnet6 *other)
{
	struct search search = { subnet, but, wider, other };

	return link_each_subnet6(links, compare, &search);
}

int subnet6_draw(struct subnet6 *subnet)
{
	enum { GLOBAL_ID = 5 };

	*subnet = (struct subnet6){ .network.s6_addr = { 0xfd }, .prefix = PREFIX_MIN };
	ssize_t n = getrandom(subnet->network.s6_addr + 1, GLOBAL_ID, 0);
	return n == GLOBAL_ID ? 0 : n < 0 ? -errno : -EIO;
}
