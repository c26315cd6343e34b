/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of a link, and default routes that lead through it. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* An address of either family. */
struct ip {
	unsigned char family;
	int size;
	unsigned char bytes[sizeof(struct in6_addr)];
};

static struct ip ip4(struct in_addr address)
{
	struct ip ip = { .family = AF_INET, .size = sizeof address };

	memcpy(ip.bytes, &address, sizeof address);
	return ip;
}

static struct ip ip6(const struct in6_addr *address)
{
	struct ip ip = { .family = AF_INET6, .size = sizeof *address };

	memcpy(ip.bytes, address, sizeof *address);
	return ip;
}

static struct in_addr broadcast_of(struct in_addr address, unsigned prefix)
{
	uint32_t host_bits = prefix >= 32 ? 0 : UINT32_MAX >> prefix;

	return (struct in_addr){ address.s_addr | htonl(host_bits) };
}

static struct nl_msg *address_message(int type, int flags, int index, struct ip ip, unsigned prefix)
{
	struct ifaddrmsg head = { .ifa_family = ip.family,
				  .ifa_prefixlen = (unsigned char)prefix,
				  .ifa_flags = ip.family == AF_INET6 ? IFA_F_NODAD : 0,
				  .ifa_index = (unsigned)index };
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put(message, IFA_LOCAL, ip.size, ip.bytes);
		nla_put(message, IFA_ADDRESS, ip.size, ip.bytes);
	}
	return message;
}

static struct nl_msg *new_address(int index, struct ip ip, unsigned prefix)
{
	struct nl_msg *message =
		address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, ip, prefix);
	struct in_addr broadcast;

	if (message && ip.family == AF_INET && prefix < 31) {
		memcpy(&broadcast, ip.bytes, sizeof broadcast);
		broadcast = broadcast_of(broadcast, prefix);
		nla_put(message, IFA_BROADCAST, sizeof broadcast, &broadcast);
	}
	return message;
}

static struct nl_msg *route_message(int type, int flags, int index, struct ip gateway)
{
	struct rtmsg head = { .rtm_family = gateway.family,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_BOOT,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST };
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put(message, RTA_GATEWAY, gateway.size, gateway.bytes);
		nla_put_u32(message, RTA_OIF, (uint32_t)index);
	}
	return message;
}

static struct nl_msg *new_route(int index, struct ip gateway)
{
	return route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, index, gateway);
}

enum { MESSAGES = 5 };

/* Messages that are sent together, and what each is for. */
struct batch {
	struct nl_msg *messages[MESSAGES];
	const char *parts[MESSAGES];
	size_t count;
};

static void add(struct batch *batch, struct nl_msg *message, const char *part)
{
	batch->messages[batch->count] = message;
	batch->parts[batch->count++] = part;
}

static void add_addresses(struct batch *batch, int index, const struct link_addresses *added)
{
	if (added->prefix)
		add(batch, new_address(index, ip4(added->address), added->prefix),
		    "give its interface the address");
	if (added->prefix6)
		add(batch, new_address(index, ip6(&added->address6), added->prefix6),
		    "give its interface the IPv6 address");
}

static void add_routes(struct batch *batch, const struct link_setup *setup)
{
	if (setup->gateway.s_addr)
		add(batch, new_route(setup->index, ip4(setup->gateway)), "add the default route");
	if (!IN6_IS_ADDR_UNSPECIFIED(&setup->gateway6))
		add(batch, new_route(setup->index, ip6(&setup->gateway6)),
		    "add the default route of IPv6");
}

static int send_batch(struct link_socket *links, struct batch *batch, const char **part)
{
	size_t failed = 0;

	if (batch->count == 0)
		return 0;
	int r = link_request_send_all(links, batch->messages, batch->count, &failed);
	*part = batch->parts[failed];
	return r;
}

int link_add_addresses(struct link_socket *links, int index, const struct link_addresses *added)
{
	struct batch batch = { 0 };
	const char *unsaid;

	add_addresses(&batch, index, added);
	return send_batch(links, &batch, &unsaid);
}

int link_add_default_routes(struct link_socket *links, const struct link_setup *setup)
{
	struct batch batch = { 0 };
	const char *unsaid;

	add_routes(&batch, setup);
	return send_batch(links, &batch, &unsaid);
}

int link_remove_default_routes(struct link_socket *links, const struct link_setup *setup)
{
	const struct ip gateways[] = { ip4(setup->gateway), ip6(&setup->gateway6) };
	const bool there[] = { setup->gateway.s_addr != 0,
			       !IN6_IS_ADDR_UNSPECIFIED(&setup->gateway6) };
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		if (there[i])
			r = link_request_send(links, route_message(RTM_DELROUTE, 0, setup->index,
								   gateways[i]));
		if (r == -ESRCH)
			r = 0;
	}
	return r;
}

int link_configure(struct link_socket *links, const struct link_setup *setup, const char **part)
{
	struct batch batch = { 0 };

	/* The link comes up first: only then does a bridge begin to open the port at its other end, which takes a moment. */
	add(&batch, link_request_change(setup->index, IFF_UP), "bring up its interface");
	add_addresses(&batch, setup->index, &setup->own);
	add_routes(&batch, setup);
	return send_batch(links, &batch, part);
}

struct search {
	int index;
	const struct link_addresses *wanted;
	int found;
};

static int compare_address(struct nl_msg *message, void *context)
{
	struct search *search = context;
	const struct link_addresses *wanted = search->wanted;
	const struct ifaddrmsg *head = link_request_head(message, sizeof *head);
	struct in_addr address;
	struct in6_addr address6;

	if (!head || head->ifa_index != (unsigned)search->index)
		return NL_OK;
	if (wanted->prefix && head->ifa_prefixlen == wanted->prefix &&
	    link_request_find(message, sizeof *head, IFA_LOCAL, &address, sizeof address) &&
	    address.s_addr == wanted->address.s_addr)
		search->found |= LINK_HAS_IPV4;
	if (wanted->prefix6 && head->ifa_prefixlen == wanted->prefix6 &&
	    link_request_find(message, sizeof *head, IFA_ADDRESS, &address6, sizeof address6) &&
	    memcmp(&address6, &wanted->address6, sizeof address6) == 0)
		search->found |= LINK_HAS_IPV6;
	return NL_OK;
}

int link_has_addresses(struct link_socket *links, int index, const struct link_addresses *wanted)
{
	struct search search = { .index = index, .wanted = wanted };
	struct ifaddrmsg head = { .ifa_family = wanted->prefix && wanted->prefix6 ? AF_UNSPEC
						: wanted->prefix6                 ? AF_INET6
										  : AF_INET,
				  .ifa_index = (unsigned)index };
	int r = link_request_dump(links, link_request_ask(RTM_GETADDR, &head, sizeof head),
				  compare_address, &search);

	return r < 0 && r != -EINTR ? r : search.found;
}

enum { SEEN_MAX = 256 };

/* The first good address of each family. */
struct first {
	int index;
	int seen; /* addresses that were looked at */
	struct link_addresses *found;
};

static int note_first(struct nl_msg *message, void *context)
{
	const unsigned bad = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	struct first *first = context;
	struct link_addresses *found = first->found;
	const struct ifaddrmsg *head = link_request_head(message, sizeof *head);

	if (++first->seen > SEEN_MAX)
		return NL_STOP;
	if (!head || head->ifa_index != (unsigned)first->index ||
	    head->ifa_scope >= RT_SCOPE_LINK || head->ifa_flags & bad)
		return NL_OK;
	if (head->ifa_family == AF_INET && !found->prefix &&
	    link_request_find(message, sizeof *head, IFA_LOCAL, &found->address,
			      sizeof found->address))
		found->prefix = head->ifa_prefixlen;
	/* IFA_F_TEMPORARY is another flag of IPv4. */
	if (head->ifa_family == AF_INET6 && !found->prefix6 &&
	    !(head->ifa_flags & IFA_F_TEMPORARY) &&
	    link_request_find(message, sizeof *head, IFA_ADDRESS, &found->address6,
			      sizeof found->address6))
		found->prefix6 = head->ifa_prefixlen;
	return NL_OK;
}

int link_first_addresses(struct link_socket *links, int index, struct link_addresses *found)
{
	struct first first = { .index = index, .found = found };
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC, .ifa_index = (unsigned)index };

	*found = (struct link_addresses){ 0 };
	return link_request_dump(links, link_request_ask(RTM_GETADDR, &head, sizeof head),
				 note_first, &first);
}

enum { CLEARED_AT_ONCE = 16 };

struct address_list {
	int index;
	const struct in6_addr *subnet; /* NULL: of every one */
	unsigned bits;
	size_t count;
	struct {
		struct ip ip;
		unsigned char prefix;
	} items[CLEARED_AT_ONCE];
};

static bool is_of(const struct address_list *list, const struct in6_addr *address)
{
	for (unsigned bit = 0; list->subnet && bit < list->bits; bit++) {
		if ((list->subnet->s6_addr[bit / 8] ^ address->s6_addr[bit / 8]) &
		    (0x80 >> bit % 8))
			return false;
	}
	return true;
}

static int note_address(struct nl_msg *message, void *context)
{
	struct address_list *list = context;
	const struct ifaddrmsg *head = link_request_head(message, sizeof *head);
	struct in_addr address;
	struct in6_addr address6;

	if (!head || list->count >= CLEARED_AT_ONCE || head->ifa_index != (unsigned)list->index)
		return NL_OK;
	if (head->ifa_family == AF_INET &&
	    link_request_find(message, sizeof *head, IFA_LOCAL, &address, sizeof address))
		list->items[list->count].ip = ip4(address);
	else if (head->ifa_family == AF_INET6 && head->ifa_scope != RT_SCOPE_LINK &&
		 link_request_find(message, sizeof *head, IFA_ADDRESS, &address6,
				   sizeof address6) &&
		 is_of(list, &address6))
		list->items[list->count].ip = ip6(&address6);
	else
		return NL_OK;
	list->items[list->count++].prefix = head->ifa_prefixlen;
	return NL_OK;
}

static int clear(struct link_socket *links, int family, struct address_list *list)
{
	struct ifaddrmsg head = { .ifa_family = (unsigned char)family,
				  .ifa_index = (unsigned)list->index };
	int r = link_request_dump(links, link_request_ask(RTM_GETADDR, &head, sizeof head),
				  note_address, list);

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		r = link_request_send(links,
				      address_message(RTM_DELADDR, 0, list->index,
						      list->items[i].ip, list->items[i].prefix));
		/* The kernel removed the address together with the first address of its subnet. */
		if (r == -EADDRNOTAVAIL)
			r = 0;
	}
	return r;
}

int link_clear_addresses(struct link_socket *links, int index, int family)
{
	struct address_list list = { .index = index };

	return clear(links, family, &list);
}

int link_clear_subnet6(struct link_socket *links, int index, const struct in6_addr *subnet,
		       unsigned prefix)
{
	struct address_list list = { .index = index, .subnet = subnet, .bits = prefix };

	return clear(links, AF_INET6, &list);
}
