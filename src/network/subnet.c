/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/subnet.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

enum { CHOSEN_PREFIX = 20, PREFIX_MIN = 8, PREFIX_MAX = 30 };

void subnet_list_free(struct subnet_list *list)
{
	free(list->items);
	*list = (struct subnet_list){ 0 };
}

int subnet_list_add(struct subnet_list *list, const struct subnet *subnet)
{
	/* Grown by doubling: the table of a router may have many thousands of routes. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? list->count * 2 : 1;
		struct subnet *items = reallocarray(list->items, room, sizeof *items);
		if (!items)
			return -ENOMEM;
		list->items = items;
	}
	list->items[list->count++] = *subnet;
	return 0;
}

static uint32_t mask_of(unsigned prefix)
{
	return prefix ? htonl(UINT32_MAX << (32 - prefix)) : 0;
}

int subnet_parse(const char *text, struct subnet *subnet)
{
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint64_t prefix;
	struct in_addr network;

	if (!slash || (size_t)(slash - text) >= sizeof address)
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (inet_pton(AF_INET, address, &network) != 1 ||
	    text_to_u64(slash + 1, PREFIX_MIN, PREFIX_MAX, &prefix) < 0 ||
	    (network.s_addr & ~mask_of((unsigned)prefix)) != 0)
		return -EINVAL;
	*subnet = (struct subnet){ .network = network, .prefix = (unsigned)prefix };
	return 0;
}

void subnet_text(const struct subnet *subnet, char *out, size_t room)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &subnet->network, address, sizeof address);
	snprintf(out, room, "%s/%u", address, subnet->prefix);
}

bool subnet_has(const struct subnet *subnet, struct in_addr address)
{
	return ((address.s_addr ^ subnet->network.s_addr) & mask_of(subnet->prefix)) == 0;
}

const struct subnet *subnet_collision(const struct subnet_list *list, const struct subnet *subnet)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct subnet *other = &list->items[i];
		const struct subnet *wider = other->prefix < subnet->prefix ? other : subnet;
		if (subnet_has(wider, wider == other ? subnet->network : other->network))
			return other;
	}
	return NULL;
}

bool subnet_texts_collide(const char *one, const char *other)
{
	struct subnet a, b;
	const struct subnet_list list = { .items = &a, .count = 1 };

	return subnet_parse(one, &a) == 0 && subnet_parse(other, &b) == 0 &&
	       subnet_collision(&list, &b) != NULL;
}

static int add_of_link(void *context, struct in_addr network, unsigned prefix, int index)
{
	struct subnet subnet = { .network = { network.s_addr & mask_of(prefix) },
				 .prefix = prefix };
	char name[IFNAMSIZ] = "";

	/* Halves of a default route, as VPNs add them, do not show that the addresses are in use. */
	if (prefix <= 1)
		return 0;
	if (index > 0)
		if_indextoname((unsigned)index, name);
	snprintf(subnet.owner, sizeof subnet.owner, "%s%s%s", *name ? "link '" : "a route", name,
		 *name ? "'" : "");
	return subnet_list_add(context, &subnet);
}

/* A name server beyond the default route has no route of its own, and must stay reachable. */
static int add_name_servers(struct subnet_list *taken)
{
	scoped_free char *text = NULL;
	char *rest = NULL;
	char address[INET_ADDRSTRLEN];

	if (file_read(AT_FDCWD, "/etc/resolv.conf", 65536, &text) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct subnet server = { .prefix = 32,
					 .owner = "a name server of /etc/resolv.conf" };
		if (sscanf(line, " nameserver %15s", address) != 1 ||
		    inet_pton(AF_INET, address, &server.network) != 1)
			continue;
		int r = subnet_list_add(taken, &server);
		if (r < 0)
			return r;
	}
	return 0;
}

int subnet_add_host(struct subnet_list *taken, struct link_socket *links)
{
	int r = link_each_subnet(links, add_of_link, taken);

	return r < 0 ? r : add_name_servers(taken);
}

int subnet_choose(const struct subnet_list *taken, const char *seed, struct subnet *subnet)
{
	/* RFC 1918, section 3, each cut into networks of CHOSEN_PREFIX bits. */
	static const struct {
		uint32_t first;
		uint32_t count;
	} ranges[] = { { 0x0a000000, 4096 }, { 0xac100000, 256 }, { 0xc0a80000, 16 } };
	const uint32_t total = ranges[0].count + ranges[1].count + ranges[2].count;
	uint32_t start = (uint32_t)(text_hash(seed) % ranges[0].count);

	for (uint32_t i = 0; i < total; i++) {
		uint32_t at = (start + i) % total;
		unsigned range = 0;
		while (at >= ranges[range].count)
			at -= ranges[range++].count;
		struct subnet candidate = { .prefix = CHOSEN_PREFIX };
		candidate.network.s_addr =
			htonl(ranges[range].first + (at << (32 - CHOSEN_PREFIX)));
		if (!subnet_collision(taken, &candidate)) {
			*subnet = candidate;
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}
