/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that change their network namespace, and facts of the host's about them. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum { TRIES = 10 };

int link_move(struct link_socket *links, const struct link_move *move)
{
	static const unsigned char none[LINK_MAC];
	struct ifinfomsg head = { .ifi_index = move->index,
				  .ifi_flags = move->up ? IFF_UP : 0,
				  .ifi_change = IFF_UP };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (message && (nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO) < 0 ||
			nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)move->space) < 0 ||
			nla_put_string(message, IFLA_IFNAME, move->name) < 0 ||
			(move->mtu && nla_put_u32(message, IFLA_MTU, move->mtu) < 0) ||
			(memcmp(move->mac, none, LINK_MAC) != 0 &&
			 nla_put(message, IFLA_ADDRESS, LINK_MAC, move->mac) < 0))) {
		nlmsg_free(message);
		message = NULL;
	}
	return link_request_send(links, message);
}

struct upper_search {
	int lower;
	int found;
};

/* The peer of a veth pair names the other end in the same way as a link names the one that it is on. */
static int note_upper(struct nl_msg *message, void *context)
{
	struct upper_search *search = context;
	const struct ifinfomsg *head = link_request_head(message, sizeof *head);
	uint32_t lower = 0, elsewhere;

	if (!head || head->ifi_index == search->lower ||
	    !link_request_find(message, sizeof *head, IFLA_LINK, &lower, sizeof lower) ||
	    lower != (uint32_t)search->lower ||
	    link_request_find(message, sizeof *head, IFLA_LINK_NETNSID, &elsewhere,
			      sizeof elsewhere))
		return NL_OK;
	struct nlattr *info = nlmsg_find_attr(nlmsg_hdr(message), sizeof *head, IFLA_LINKINFO);
	struct nlattr *kind = info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND) : NULL;
	if (!kind || strcmp(nla_get_string(kind), "veth") != 0)
		search->found = head->ifi_index;
	return NL_OK;
}

int link_find_upper(struct link_socket *links, int lower)
{
	struct upper_search search = { .lower = lower };
	struct ifinfomsg head = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		search.found = 0;
		r = link_request_dump(links, link_request_ask(RTM_GETLINK, &head, sizeof head),
				      note_upper, &search);
	}
	return r < 0 ? r : search.found;
}

struct address_list {
	int index;
	struct link_addresses *list;
	size_t room, count;
};

/* Link-local addresses of IPv6 come by themselves. */
static int note_address(struct nl_msg *message, void *context)
{
	struct address_list *list = context;
	const struct ifaddrmsg *head = link_request_head(message, sizeof *head);
	struct link_addresses one = { 0 };

	if (!head || head->ifa_index != (unsigned)list->index)
		return NL_OK;
	if (head->ifa_family == AF_INET &&
	    link_request_find(message, sizeof *head, IFA_LOCAL, &one.address, sizeof one.address))
		one.prefix = head->ifa_prefixlen;
	else if (head->ifa_family == AF_INET6 && head->ifa_scope != RT_SCOPE_LINK &&
		 link_request_find(message, sizeof *head, IFA_ADDRESS, &one.address6,
				   sizeof one.address6))
		one.prefix6 = head->ifa_prefixlen;
	else
		return NL_OK;
	if (list->count < list->room)
		list->list[list->count] = one;
	list->count++;
	return NL_OK;
}

int link_list_addresses(struct link_socket *links, int index, struct link_addresses *list,
			size_t room)
{
	struct address_list all = { .index = index, .list = list, .room = room };
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC, .ifa_index = (unsigned)index };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		all.count = 0;
		r = link_request_dump(links, link_request_ask(RTM_GETADDR, &head, sizeof head),
				      note_address, &all);
	}
	return r < 0 ? r : (int)all.count;
}
