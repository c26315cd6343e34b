/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static routes that lead through a link, which their protocol tells from those of others. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

enum {
	OURS = 66, /* protocol of the routes; in no list of iproute2's */
	TRIES = 10,
	ROUTES_SEEN = 64,
};

static int size_of(int family)
{
	return family == AF_INET ? (int)sizeof(struct in_addr) : (int)sizeof(struct in6_addr);
}

static struct nl_msg *route_message(int type, int flags, int index, const struct ip_route *route)
{
	struct rtmsg head = { .rtm_family = (unsigned char)route->family,
			      .rtm_dst_len = (unsigned char)route->prefix,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = OURS,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST };
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put(message, RTA_DST, size_of(route->family), route->to);
		nla_put(message, RTA_GATEWAY, size_of(route->family), route->via);
		nla_put_u32(message, RTA_OIF, (uint32_t)index);
	}
	return message;
}

int link_add_routes(struct link_socket *links, int index, const struct ip_route *routes,
		    size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = link_request_send(links,
				      route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
						    index, &routes[i]));
	return r;
}

/* The routes of ours that lead through a link. */
struct seen {
	int index;
	struct ip_route list[ROUTES_SEEN];
	size_t count;
};

static int note_route(struct nl_msg *message, void *context)
{
	struct seen *seen = context;
	const struct rtmsg *head = link_request_head(message, sizeof *head);
	uint32_t out = 0;

	if (!head || head->rtm_protocol != OURS || seen->count == ROUTES_SEEN ||
	    (head->rtm_family != AF_INET && head->rtm_family != AF_INET6) ||
	    !link_request_find(message, sizeof *head, RTA_OIF, &out, sizeof out) ||
	    out != (uint32_t)seen->index)
		return NL_OK;
	struct ip_route *route = &seen->list[seen->count];
	int size = size_of(head->rtm_family);
	*route = (struct ip_route){ .family = head->rtm_family, .prefix = head->rtm_dst_len };
	if (link_request_find(message, sizeof *head, RTA_DST, route->to, (size_t)size) &&
	    link_request_find(message, sizeof *head, RTA_GATEWAY, route->via, (size_t)size))
		seen->count++;
	return NL_OK;
}

static bool is_wanted(const struct ip_route *route, const struct ip_route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (route->family == routes[i].family && route->prefix == routes[i].prefix &&
		    memcmp(route->to, routes[i].to, sizeof route->to) == 0 &&
		    memcmp(route->via, routes[i].via, sizeof route->via) == 0)
			return true;
	}
	return false;
}

int link_set_routes(struct link_socket *links, int index, const struct ip_route *routes,
		    size_t count)
{
	struct rtmsg head = { .rtm_family = AF_UNSPEC };
	struct seen seen = { .index = index };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		seen.count = 0;
		r = link_request_dump(links, link_request_ask(RTM_GETROUTE, &head, sizeof head),
				      note_route, &seen);
	}
	for (size_t i = 0; r == 0 && i < seen.count; i++) {
		if (is_wanted(&seen.list[i], routes, count))
			continue;
		r = link_request_send(links, route_message(RTM_DELROUTE, 0, index, &seen.list[i]));
		if (r == -ESRCH)
			r = 0;
	}
	return r < 0 ? r : link_add_routes(links, index, routes, count);
}
