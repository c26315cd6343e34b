/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The existing links, addresses and routes. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

enum { TRIES = 10 };

static int find(struct link_socket *links, int index, const char *name, struct link_info *info)
{
	struct rtnl_link *link = NULL;

	link_request_begin(links);
	int r = link_request_finish(links, rtnl_link_get_kernel(links->nl, index, name, &link));
	if (r < 0)
		return r;
	/* An answer without a link in it. */
	if (!link)
		return -EPROTO;
	*info = (struct link_info){ .index = rtnl_link_get_ifindex(link),
				    .master = rtnl_link_get_master(link),
				    .lower = rtnl_link_get_link(link),
				    .up = rtnl_link_get_flags(link) & IFF_UP,
				    .mtu = rtnl_link_get_mtu(link),
				    .received_packets =
					    rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS),
				    .received_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES),
				    .sent_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS),
				    .sent_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES) };
	const char *kind = rtnl_link_get_type(link);
	const char *alias = rtnl_link_get_ifalias(link);
	const char *its_name = rtnl_link_get_name(link);
	struct nl_addr *mac = rtnl_link_get_addr(link);
	if (its_name)
		snprintf(info->name, sizeof info->name, "%s", its_name);
	if (kind)
		snprintf(info->kind, sizeof info->kind, "%s", kind);
	if (alias)
		snprintf(info->alias, sizeof info->alias, "%s", alias);
	if (mac && nl_addr_get_len(mac) == LINK_MAC)
		memcpy(info->mac, nl_addr_get_binary_addr(mac), LINK_MAC);
	rtnl_link_put(link);
	return 0;
}

int link_find(struct link_socket *links, const char *name, struct link_info *info)
{
	return find(links, 0, name, info);
}

int link_find_index(struct link_socket *links, int index, struct link_info *info)
{
	return find(links, index, NULL, info);
}

static bool find_u32(struct nl_msg *message, size_t head, int type, uint32_t *value)
{
	return link_request_find(message, head, type, value, sizeof *value);
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
		struct nl_msg *message = link_request_ask(RTM_GETLINK, &head, sizeof head);
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
		r = link_request_dump(links, link_request_ask(RTM_GETLINK, &head, sizeof head),
				      count_loose, &count);
	}
	return r < 0 ? r : count.links;
}

struct subnet_visit {
	int (*visit)(void *, struct in_addr, unsigned, int);
	int (*visit6)(void *, const struct in6_addr *, unsigned, int);
	void *context;
	int stopped; /* the nonzero result of a visit */
};

static void visit_subnet(struct subnet_visit *visit, struct nl_msg *message, size_t head, int type,
			 unsigned prefix, int index)
{
	struct in_addr network;
	struct in6_addr network6;

	if (visit->stopped)
		return;
	if (visit->visit && prefix <= 32 &&
	    link_request_find(message, head, type, &network, sizeof network))
		visit->stopped = visit->visit(visit->context, network, prefix, index);
	if (visit->visit6 && prefix <= 128 &&
	    link_request_find(message, head, type, &network6, sizeof network6) &&
	    !IN6_IS_ADDR_LINKLOCAL(&network6) && !IN6_IS_ADDR_MULTICAST(&network6))
		visit->stopped = visit->visit6(visit->context, &network6, prefix, index);
}

static int visit_address(struct nl_msg *message, void *context)
{
	const struct ifaddrmsg *head = link_request_head(message, sizeof *head);

	if (head)
		visit_subnet(context, message, sizeof *head, IFA_ADDRESS, head->ifa_prefixlen,
			     (int)head->ifa_index);
	return NL_OK;
}

static int visit_route(struct nl_msg *message, void *context)
{
	const struct rtmsg *head = link_request_head(message, sizeof *head);
	uint32_t out = 0;

	if (head && head->rtm_dst_len > 0) {
		find_u32(message, sizeof *head, RTA_OIF, &out);
		visit_subnet(context, message, sizeof *head, RTA_DST, head->rtm_dst_len, (int)out);
	}
	return NL_OK;
}

static int visit_all(struct link_socket *links, unsigned char family, struct subnet_visit *each)
{
	struct ifaddrmsg addresses = { .ifa_family = family };
	struct rtmsg routes = { .rtm_family = family };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = link_request_dump(links,
				      link_request_ask(RTM_GETADDR, &addresses, sizeof addresses),
				      visit_address, each);
	if (r < 0 || each->stopped)
		return r < 0 ? r : each->stopped;
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = link_request_dump(links, link_request_ask(RTM_GETROUTE, &routes, sizeof routes),
				      visit_route, each);
	return r < 0 ? r : each->stopped;
}

int link_each_subnet(struct link_socket *links,
		     int (*visit)(void *, struct in_addr network, unsigned prefix, int index),
		     void *context)
{
	struct subnet_visit each = { .visit = visit, .context = context };

	return visit_all(links, AF_INET, &each);
}

int link_each_subnet6(struct link_socket *links,
		      int (*visit)(void *, const struct in6_addr *network, unsigned prefix,
				   int index),
		      void *context)
{
	struct subnet_visit each = { .visit6 = visit, .context = context };

	return visit_all(links, AF_INET6, &each);
}

struct uplink_visit {
	int (*visit)(void *, int);
	void *context;
	int stopped; /* the nonzero result of a visit */
};

static int visit_default(struct nl_msg *message, void *context)
{
	const struct rtmsg *head = link_request_head(message, sizeof *head);
	struct uplink_visit *each = context;
	uint32_t out = 0;

	if (head && head->rtm_dst_len == 0 && head->rtm_type == RTN_UNICAST && !each->stopped &&
	    find_u32(message, sizeof *head, RTA_OIF, &out))
		each->stopped = each->visit(each->context, (int)out);
	return NL_OK;
}

int link_each_uplink(struct link_socket *links, int (*visit)(void *, int index), void *context)
{
	struct uplink_visit each = { .visit = visit, .context = context };
	struct rtmsg routes = { .rtm_family = AF_UNSPEC };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = link_request_dump(links, link_request_ask(RTM_GETROUTE, &routes, sizeof routes),
				      visit_default, &each);
	return r < 0 ? r : each.stopped;
}
