/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation, change and removal of links. */
#include "kern/link.h"

#include "base/scoped.h"
#include "kern/link_request.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 10 };

static void set_mac(struct rtnl_link *link, const unsigned char *mac)
{
	struct nl_addr *address = nl_addr_build(AF_LLC, mac, LINK_MAC);

	if (address) {
		rtnl_link_set_addr(link, address);
		nl_addr_put(address);
	}
}

static int add_bridge(struct link_socket *links, const char *name, const unsigned char *mac)
{
	struct rtnl_link *bridge = rtnl_link_bridge_alloc();
	struct nl_msg *message = NULL;

	link_request_begin(links);
	if (!bridge)
		return link_request_finish(links, -NLE_NOMEM);
	rtnl_link_set_name(bridge, name);
	rtnl_link_set_flags(bridge, IFF_UP);
	set_mac(bridge, mac);
	int r = rtnl_link_build_add_request(bridge, NLM_F_CREATE | NLM_F_EXCL, &message);
	rtnl_link_put(bridge);
	return r < 0 ? link_request_finish(links, r) : link_request_send(links, message);
}

int link_join_bridge(struct link_socket *links, const char *name, const unsigned char *mac,
		     struct link_info *info)
{
	int r = -EAGAIN;

	/* Another command may create or remove the link between our two requests, but not for ever. */
	for (int i = 0; i < TRIES; i++) {
		r = link_find(links, name, info);
		if (r != -ENODEV)
			return r;
		r = add_bridge(links, name, mac);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return r < 0 ? r : -EAGAIN;
}

struct nl_msg *link_request_change(int index, unsigned flags)
{
	struct ifinfomsg head = { .ifi_index = index, .ifi_flags = flags, .ifi_change = flags };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (message && nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static struct nl_msg *link_request_down(int index)
{
	struct ifinfomsg head = { .ifi_index = index, .ifi_change = IFF_UP };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (message && nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int link_set_up(struct link_socket *links, int index)
{
	return link_request_send(links, link_request_change(index, IFF_UP));
}

int link_set_mtu(struct link_socket *links, int index, unsigned mtu)
{
	struct nl_msg *message = link_request_change(index, 0);

	if (message)
		nla_put_u32(message, IFLA_MTU, mtu);
	return link_request_send(links, message);
}

int link_set_alias(struct link_socket *links, int index, const char *alias)
{
	struct nl_msg *message = link_request_change(index, 0);

	if (message)
		nla_put(message, IFLA_IFALIAS, (int)strlen(alias), alias);
	return link_request_send(links, message);
}

int link_set_snooping(struct link_socket *links, int bridge, bool on)
{
	struct nl_msg *message = link_request_change(bridge, 0);
	struct nlattr *info = message ? nla_nest_start(message, IFLA_LINKINFO) : NULL;

	if (info && nla_put_string(message, IFLA_INFO_KIND, "bridge") == 0) {
		struct nlattr *data = nla_nest_start(message, IFLA_INFO_DATA);
		nla_put_u8(message, IFLA_BR_MCAST_SNOOPING, on);
		if (data)
			nla_nest_end(message, data);
		nla_nest_end(message, info);
	}
	return link_request_send(links, message);
}

static struct nl_msg *veth_message(const struct link_veth *veth)
{
	struct rtnl_link *ours = rtnl_link_veth_alloc();
	struct nl_msg *message = NULL;

	if (!ours)
		return NULL;
	rtnl_link_set_name(ours, veth->name);
	if (veth->bridge)
		rtnl_link_set_master(ours, veth->bridge);
	if (!veth->vlan)
		rtnl_link_set_flags(ours, IFF_UP);
	set_mac(ours, veth->mac);
	/* Borrowed: veth_get_peer takes a reference of its own. */
	struct rtnl_link *peer = rtnl_link_veth_get_peer(ours);
	rtnl_link_set_name(peer, veth->peer);
	rtnl_link_set_ns_pid(peer, veth->pid);
	set_mac(peer, veth->peer_mac);
	if (veth->mtu)
		rtnl_link_set_mtu(ours, veth->mtu);
	if (veth->peer_mtu)
		rtnl_link_set_mtu(peer, veth->peer_mtu);
	if (rtnl_link_build_add_request(ours, NLM_F_CREATE | NLM_F_EXCL, &message) < 0)
		message = NULL;
	rtnl_link_put(peer);
	rtnl_link_put(ours);
	return message;
}

/* Properties of a port on its bridge, which the kernel also takes only in a change. */
static int put_isolated(struct nl_msg *message, bool isolated)
{
	struct nlattr *info = nla_nest_start(message, IFLA_LINKINFO);

	if (!info || nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge") < 0)
		return -NLE_NOMEM;
	struct nlattr *port = nla_nest_start(message, IFLA_INFO_SLAVE_DATA);
	if (!port || nla_put_u8(message, IFLA_BRPORT_ISOLATED, isolated) < 0)
		return -NLE_NOMEM;
	nla_nest_end(message, port);
	nla_nest_end(message, info);
	return 0;
}

static int put_no_addresses(struct nl_msg *message)
{
	struct nlattr *families = nla_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *ipv6 = families ? nla_nest_start(message, AF_INET6) : NULL;

	if (!ipv6 || nla_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0)
		return -NLE_NOMEM;
	nla_nest_end(message, ipv6);
	nla_nest_end(message, families);
	return 0;
}

static int fill_change(const struct link_veth *veth, struct nl_msg *change)
{
	if (!change || nla_put_string(change, IFLA_IFNAME, veth->name) < 0 ||
	    nla_put(change, IFLA_IFALIAS, (int)strlen(veth->alias), veth->alias) < 0 ||
	    (veth->isolated && put_isolated(change, true) < 0) ||
	    /* A kernel that was booted without IPv6 does not know these attributes. */
	    (access("/proc/sys/net/ipv6", F_OK) == 0 && put_no_addresses(change) < 0))
		return -ENOMEM;
	return 0;
}

/*
 * The kernel takes an alias only in a change, not at the creation of a link, and neither an observer nor a kill may
 * separate the two. A caller that wants isolation gets it, or an error.
 */
static int add_pair(struct link_socket *links, const struct link_veth *veth)
{
	struct nl_msg *both[] = { veth_message(veth), link_request_change(0, 0) };

	if (!both[0] || fill_change(veth, both[1]) < 0) {
		nlmsg_free(both[0]);
		nlmsg_free(both[1]);
		both[0] = both[1] = NULL;
	}
	return link_request_send_all(links, both, 2, NULL);
}

int link_add_veth(struct link_socket *links, const struct link_veth *veth)
{
	struct link_info ours;
	int r = add_pair(links, veth);

	if (r < 0 || !veth->vlan)
		return r;
	/* A failure from here on leaves a port that is down, which the caller removes by its name. */
	r = link_find(links, veth->name, &ours);
	if (r == 0)
		r = link_set_vlan(links, ours.index, veth->vlan);
	return r < 0 ? r : link_set_up(links, ours.index);
}

int link_join(struct link_socket *links, int index, int bridge, bool isolated, unsigned vlan)
{
	/* A port that is down is in no VLAN that it is not to be in. */
	struct nl_msg *join = vlan ? link_request_down(index) : link_request_change(index, IFF_UP);

	if (join && nla_put_u32(join, IFLA_MASTER, (uint32_t)bridge) < 0) {
		nlmsg_free(join);
		join = NULL;
	}
	int r = link_request_send(links, join);
	/* Only a port has the properties. */
	if (r == 0 && isolated)
		r = link_set_isolated(links, index, true);
	if (r < 0 || !vlan)
		return r;
	r = link_set_vlan(links, index, vlan);
	return r < 0 ? r : link_set_up(links, index);
}

int link_set_isolated(struct link_socket *links, int index, bool isolated)
{
	struct nl_msg *wall = link_request_change(index, 0);

	if (wall && put_isolated(wall, isolated) < 0) {
		nlmsg_free(wall);
		wall = NULL;
	}
	return link_request_send(links, wall);
}

static int delete (struct link_socket *links, int index, const char *name)
{
	struct ifinfomsg head = { .ifi_index = index };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_DELLINK, 0);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		if (name)
			nla_put_string(message, IFLA_IFNAME, name);
	}
	int r = link_request_send(links, message);
	return r == -ENODEV ? 0 : r;
}

int link_delete(struct link_socket *links, const char *name)
{
	return delete (links, 0, name);
}

int link_delete_index(struct link_socket *links, int index)
{
	return delete (links, index, NULL);
}
