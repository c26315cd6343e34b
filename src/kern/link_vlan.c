/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VLANs of the ports of a bridge. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

enum { VLAN_MAX = 4094, TRIES = 10 };

/* A message about VLANs of a port, to which ranges are added. */
static struct nl_msg *vlan_message(int type, int index)
{
	struct ifinfomsg head = { .ifi_family = AF_BRIDGE, .ifi_index = index };
	struct nl_msg *message = nlmsg_alloc_simple(type, 0);

	if (message && nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static void put_vlan(struct nl_msg *message, unsigned vlan, unsigned flags)
{
	struct bridge_vlan_info info = { .flags = (uint16_t)flags, .vid = (uint16_t)vlan };

	nla_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof info, &info);
}

static void put_range(struct nl_msg *message, unsigned first, unsigned last)
{
	if (first > last)
		return;
	if (first < last)
		put_vlan(message, first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
	put_vlan(message, last, first < last ? BRIDGE_VLAN_INFO_RANGE_END : 0);
}

int link_set_vlan(struct link_socket *links, int port, unsigned vlan)
{
	struct nl_msg *both[] = { vlan_message(RTM_DELLINK, port),
				  vlan_message(RTM_SETLINK, port) };
	struct nlattr *ranges[] = { NULL, NULL };

	for (int i = 0; i < 2; i++)
		ranges[i] = both[i] ? nla_nest_start(both[i], IFLA_AF_SPEC) : NULL;
	if (ranges[0] && ranges[1]) {
		put_range(both[0], 1, vlan - 1);
		put_range(both[0], vlan + 1, VLAN_MAX);
		put_vlan(both[1], vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
		nla_nest_end(both[0], ranges[0]);
		nla_nest_end(both[1], ranges[1]);
	} else {
		nlmsg_free(both[0]);
		nlmsg_free(both[1]);
		both[0] = both[1] = NULL;
	}
	return link_request_send_all(links, both, 2, NULL);
}

struct filter {
	int bridge;
	int on;
};

/* The attribute of a type in a nest, or NULL. */
static struct nlattr *find_in(struct nlattr *nest, int type)
{
	return nest ? nla_find(nla_data(nest), nla_len(nest), type) : NULL;
}

static int note_filter(struct nl_msg *message, void *context)
{
	struct filter *filter = context;
	const struct ifinfomsg *head = link_request_head(message, sizeof *head);

	if (!head || head->ifi_index != filter->bridge)
		return NL_OK;
	struct nlattr *info = nlmsg_find_attr(nlmsg_hdr(message), sizeof *head, IFLA_LINKINFO);
	struct nlattr *on = find_in(find_in(info, IFLA_INFO_DATA), IFLA_BR_VLAN_FILTERING);
	filter->on = on && nla_len(on) == 1 && *(unsigned char *)nla_data(on);
	return NL_OK;
}

int link_filters_vlans(struct link_socket *links, int bridge)
{
	struct filter filter = { .bridge = bridge };
	struct ifinfomsg head = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = link_request_dump(links, link_request_ask(RTM_GETLINK, &head, sizeof head),
				      note_filter, &filter);
	return r < 0 ? r : filter.on;
}
