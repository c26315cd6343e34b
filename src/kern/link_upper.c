/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links on another link of the host's, in the network namespace of a process. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The kind of a link, with its mode. Kinds that are not known have no attributes here. */
static int put_mode(struct nl_msg *message, const char *kind, unsigned mode, unsigned flags)
{
	struct nlattr *info = nla_nest_start(message, IFLA_LINKINFO);

	if (!info || nla_put_string(message, IFLA_INFO_KIND, kind) < 0)
		return -NLE_NOMEM;
	struct nlattr *data = nla_nest_start(message, IFLA_INFO_DATA);
	const uint16_t narrow = (uint16_t)mode, bits = (uint16_t)flags;
	int r = !data ? -NLE_NOMEM : 0;

	if (r == 0 && strcmp(kind, "macvlan") == 0)
		r = nla_put_u32(message, IFLA_MACVLAN_MODE, mode);
	if (r == 0 && strcmp(kind, "ipvlan") == 0) {
		r = nla_put(message, IFLA_IPVLAN_MODE, sizeof narrow, &narrow);
		if (r == 0)
			r = nla_put(message, IFLA_IPVLAN_FLAGS, sizeof bits, &bits);
	}
	if (r < 0)
		return r;
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return 0;
}

static int fill(struct nl_msg *message, const struct link_upper *upper)
{
	static const unsigned char none[LINK_MAC];
	struct ifinfomsg head = { 0 };

	if (nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(message, IFLA_IFNAME, upper->name) < 0 ||
	    nla_put_u32(message, IFLA_LINK, (uint32_t)upper->lower) < 0 ||
	    nla_put_u32(message, IFLA_NET_NS_PID, (uint32_t)upper->pid) < 0 ||
	    (memcmp(upper->mac, none, LINK_MAC) != 0 &&
	     nla_put(message, IFLA_ADDRESS, LINK_MAC, upper->mac) < 0) ||
	    (upper->mtu && nla_put_u32(message, IFLA_MTU, upper->mtu) < 0))
		return -NLE_NOMEM;
	return put_mode(message, upper->kind, upper->mode, upper->flags);
}

int link_add_upper(struct link_socket *links, const struct link_upper *upper)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	if (message && fill(message, upper) < 0) {
		nlmsg_free(message);
		message = NULL;
	}
	return link_request_send(links, message);
}

int link_set_mode(struct link_socket *links, int index, const char *kind, unsigned mode,
		  unsigned flags)
{
	struct nl_msg *message = link_request_change(index, 0);

	if (message && put_mode(message, kind, mode, flags) < 0) {
		nlmsg_free(message);
		message = NULL;
	}
	return link_request_send(links, message);
}
