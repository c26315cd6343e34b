/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Permanent entries of the neighbour table of IPv6. */
#include "kern/link.h"
#include "kern/link_request.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

enum { NEIGHBOURS_AT_ONCE = 4 };

/* mac NULL: the entry goes. */
static struct nl_msg *neighbour_message(int index, const struct in6_addr *address,
					const unsigned char *mac)
{
	struct ndmsg head = { .ndm_family = AF_INET6,
			      .ndm_ifindex = index,
			      .ndm_state = NUD_PERMANENT };
	struct nl_msg *message = nlmsg_alloc_simple(mac ? RTM_NEWNEIGH : RTM_DELNEIGH,
						    mac ? NLM_F_CREATE | NLM_F_REPLACE : 0);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put(message, NDA_DST, sizeof *address, address);
		if (mac)
			nla_put(message, NDA_LLADDR, LINK_MAC, mac);
	}
	return message;
}

static int send_neighbours(struct link_socket *links, int index, const struct in6_addr *addresses,
			   size_t count, const unsigned char *mac)
{
	struct nl_msg *messages[NEIGHBOURS_AT_ONCE];

	if (count > NEIGHBOURS_AT_ONCE)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		messages[i] = neighbour_message(index, &addresses[i], mac);
	return link_request_send_all(links, messages, count, NULL);
}

int link_add_neighbours(struct link_socket *links, int index, const struct in6_addr *addresses,
			size_t count, const unsigned char mac[LINK_MAC])
{
	return send_neighbours(links, index, addresses, count, mac);
}

int link_remove_neighbours(struct link_socket *links, int index, const struct in6_addr *addresses,
			   size_t count)
{
	int r = send_neighbours(links, index, addresses, count, NULL);

	return r == -ENOENT || r == -ENODEV ? 0 : r;
}
