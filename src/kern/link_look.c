/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The existing links, addresses and routes. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

enum { TRIES = 10 };

int link_find(struct link_socket *links, const char *name, struct link_info *info)
{
	struct rtnl_link *link = NULL;

	link_request_begin(links);
	int r = link_request_finish(links, rtnl_link_get_kernel(links->nl, 0, name, &link));
	if (r < 0)
		return r;
	/* An answer without a link in it. */
	if (!link)
		return -EPROTO;
	*info = (struct link_info){ .index = rtnl_link_get_ifindex(link),
				    .master = rtnl_link_get_master(link),
				    .up = rtnl_link_get_flags(link) & IFF_UP,
				    .mtu = rtnl_link_get_mtu(link) };
	const char *kind = rtnl_link_get_type(link);
	const char *alias = rtnl_link_get_ifalias(link);
	struct nl_addr *mac = rtnl_link_get_addr(link);
	if (kind)
		snprintf(info->kind, sizeof info->kind, "%s", kind);
	if (alias)
		snprintf(info->alias, sizeof info->alias, "%s", alias);
	if (mac && nl_addr_get_len(mac) == LINK_MAC)
		memcpy(info->mac, nl_addr_get_binary_addr(mac), LINK_MAC);
	rtnl_link_put(link);
	return 0;
}

static struct nl_msg *ask(int type, const void *head, size_t size)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);

	if (message)
		nlmsg_append(message, (void *)(uintptr_t)head, size, NLMSG_ALIGNTO);
	return message;
}

/* An attribute of the message that is behind its head and holds a number. */
static bool find_u32(struct nl_msg *message, size_t head, int type, uint32_t *value)
{
	const struct nlattr *attr = nlmsg_valid_hdr(nlmsg_hdr(message), (int)head)
					    ? nlmsg_find_attr(nlmsg_hdr(message), (int)head, type)
					    : NULL;

	if (!attr || nla_len(attr) < (int)sizeof *value)
		return false;
	*value = nla_get_u32(attr);
	return true;
}

struct port_count {
	int bridge;
	int ports;
};

static int count_port(struct nl_msg *message, void *context)
{
	struct port_count *count = context;
	uint32_t master;

	if (find_u32(message, sizeof(struct ifinfomsg), IFLA_MASTER, &master) &&
	    master == (uint32_t)count->bridge)
		count->ports++;
	return NL_OK;
}

int link_count_ports(struct link_socket *links, int bridge)
{
	struct port_count count = { .bridge = bridge };
	struct ifinfomsg head = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		struct nl_msg *message = ask(RTM_GETLINK, &head, sizeof head);
		if (message)
			nla_put_u32(message, IFLA_MASTER, (uint32_t)bridge);
		count.ports = 0;
		r = link_request_dump(links, message, count_port, &count);
	}
	return r < 0 ? r : count.ports;
}

struct loose_count {
	const char *prefix;
	int links;
};

static int count_loose(struct nl_msg *message, void *context)
{
	struct loose_count *count = context;
	struct nlmsghdr *head = nlmsg_hdr(message);
	uint32_t master;

	if (!nlmsg_valid_hdr(head, sizeof(struct ifinfomsg)) ||
	    find_u32(message, sizeof(struct ifinfomsg), IFLA_MASTER, &master))
		return NL_OK;
	struct nlattr *name = nlmsg_find_attr(head, sizeof(struct ifinfomsg), IFLA_IFNAME);
	if (name && strncmp(nla_get_string(name), count->prefix, strlen(count->prefix)) == 0)
		count->links++;
	return NL_OK;
}

int link_count_loose(struct link_socket *links, const char *prefix)
{
	struct loose_count count = { .prefix = prefix };
	struct ifinfomsg head = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		count.links = 0;
		r = link_request_dump(links, ask(RTM_GETLINK, &head, sizeof head), count_loose,
				      &count);
	}
	return r < 0 ? r : count.links;
}

struct address_search {
	int index;
	struct in_addr address;
	unsigned prefix;
	bool found;
};

static int compare_address(struct nl_msg *message, void *context)
{
	struct address_search *search = context;
	const struct ifaddrmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t local;

	if (find_u32(message, sizeof *head, IFA_LOCAL, &local) &&
	    head->ifa_index == (unsigned)search->index && head->ifa_prefixlen == search->prefix &&
	    local == search->address.s_addr)
		search->found = true;
	return NL_OK;
}

int link_has_address(struct link_socket *links, int index, struct in_addr address, unsigned prefix)
{
	struct address_search search = { .index = index, .address = address, .prefix = prefix };
	struct ifaddrmsg head = { .ifa_family = AF_INET, .ifa_index = (unsigned)index };
	int r = link_request_dump(links, ask(RTM_GETADDR, &head, sizeof head), compare_address,
				  &search);

	return r < 0 && r != -EINTR ? r : search.found;
}

enum { CLEARED_AT_ONCE = 16 };

struct address_list {
	int index;
	size_t count;
	struct {
		uint32_t local;
		unsigned char prefix;
	} items[CLEARED_AT_ONCE];
};

static int note_address(struct nl_msg *message, void *context)
{
	struct address_list *list = context;
	const struct ifaddrmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t local;

	if (list->count < CLEARED_AT_ONCE && head->ifa_index == (unsigned)list->index &&
	    find_u32(message, sizeof *head, IFA_LOCAL, &local)) {
		list->items[list->count].local = local;
		list->items[list->count++].prefix = head->ifa_prefixlen;
	}
	return NL_OK;
}

int link_clear_addresses(struct link_socket *links, int index)
{
	struct address_list list = { .index = index };
	struct ifaddrmsg head = { .ifa_family = AF_INET, .ifa_index = (unsigned)index };
	int r = link_request_dump(links, ask(RTM_GETADDR, &head, sizeof head), note_address, &list);

	for (size_t i = 0; r == 0 && i < list.count; i++) {
		struct nl_msg *message = nlmsg_alloc_simple(RTM_DELADDR, 0);
		head.ifa_prefixlen = list.items[i].prefix;
		if (message) {
			nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
			nla_put_u32(message, IFA_LOCAL, list.items[i].local);
		}
		r = link_request_send(links, message);
		/* The kernel removed the address together with the first address of its subnet. */
		if (r == -EADDRNOTAVAIL)
			r = 0;
	}
	return r;
}

struct subnet_visit {
	int (*visit)(void *, struct in_addr, unsigned, int);
	void *context;
	int stopped; /* the nonzero result of visit */
};

static void visit_subnet(struct subnet_visit *visit, uint32_t network, unsigned prefix, int index)
{
	if (prefix <= 32 && !visit->stopped)
		visit->stopped =
			visit->visit(visit->context, (struct in_addr){ network }, prefix, index);
}

static int visit_address(struct nl_msg *message, void *context)
{
	const struct ifaddrmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t network;

	if (find_u32(message, sizeof *head, IFA_ADDRESS, &network))
		visit_subnet(context, network, head->ifa_prefixlen, (int)head->ifa_index);
	return NL_OK;
}

static int visit_route(struct nl_msg *message, void *context)
{
	const struct rtmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t network, out = 0;

	if (find_u32(message, sizeof *head, RTA_DST, &network) && head->rtm_dst_len > 0) {
		find_u32(message, sizeof *head, RTA_OIF, &out);
		visit_subnet(context, network, head->rtm_dst_len, (int)out);
	}
	return NL_OK;
}

int link_each_subnet(struct link_socket *links,
		     int (*visit)(void *, struct in_addr network, unsigned prefix, int index),
		     void *context)
{
	struct subnet_visit each = { .visit = visit, .context = context };
	struct ifaddrmsg addresses = { .ifa_family = AF_INET };
	struct rtmsg routes = { .rtm_family = AF_INET };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = link_request_dump(links, ask(RTM_GETADDR, &addresses, sizeof addresses),
				      visit_address, &each);
	if (r < 0 || each.stopped)
		return r < 0 ? r : each.stopped;
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = link_request_dump(links, ask(RTM_GETROUTE, &routes, sizeof routes), visit_route,
				      &each);
	return r < 0 ? r : each.stopped;
}
