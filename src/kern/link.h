/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses and routes of the current network namespace, by libnl. No policy. */
#ifndef BERTH_KERN_LINK_H
#define BERTH_KERN_LINK_H

#include "base/ip_route.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A netlink socket for any number of requests. All functions are quiet: 0 or -errno of the kernel. link_open() returns
 * -ELIBACC without libnl. link_why() has the kernel's words for the last failure.
 */
struct link_socket;

int link_open(struct link_socket **out);
/* The same in the network namespace of a process. The caller stays in its own. */
int link_open_in(struct link_socket **out, pid_t pid);
/* The same in a network namespace that is open. */
int link_open_at(struct link_socket **out, int space);
void link_close(struct link_socket **links);
#define scoped_links __attribute__((cleanup(link_close)))

/* Why the last request failed, by the kernel's extended ACK if there was one. Never NULL. */
const char *link_why(const struct link_socket *links);

enum { LINK_MAC = 6 };

struct link_info {
	int index;
	int master; /* index of the bridge that it is a port of, or 0 */
	int lower; /* index of the link that it is on, in the network namespace of that one, or 0 */
	char name[IFNAMSIZ];
	bool up;
	unsigned mtu;                /* bytes */
	char kind[16];               /* "bridge", "veth", "" for hardware */
	char alias[64];              /* cut if longer */
	unsigned char mac[LINK_MAC]; /* zeros if it has none */
	uint64_t received_packets, received_bytes, sent_packets, sent_bytes;
};

/* Looks up a link by name. -ENODEV: there is none. */
int link_find(struct link_socket *links, const char *name, struct link_info *info);
/* The same by index, which a link keeps when it gets another name. */
int link_find_index(struct link_socket *links, int index, struct link_info *info);

/*
 * Makes a bridge with that mac, and sets it up; if a link of that name exists, whatever it is, fills in info, by which
 * the caller judges. Safe against others that make or remove it at the same time.
 */
int link_join_bridge(struct link_socket *links, const char *name, const unsigned char *mac,
		     struct link_info *info);

int link_set_up(struct link_socket *links, int index);
int link_set_mtu(struct link_socket *links, int index, unsigned mtu);
int link_set_alias(struct link_socket *links, int index, const char *alias);
/* Switches multicast snooping of a bridge on or off: with it, multicast goes only to ports that asked for it. */
int link_set_snooping(struct link_socket *links, int bridge, bool on);

/* Addresses of a link, of one family or of both. */
struct link_addresses {
	struct in_addr address;
	unsigned prefix; /* 0: no IPv4 address */
	struct in6_addr address6;
	unsigned prefix6; /* 0: no IPv6 address */
};

/*
 * Adds them in one send. IPv4 with its broadcast address; IPv6 without duplicate address detection, so that the address
 * can be used at once. Success if they are there already.
 */
int link_add_addresses(struct link_socket *links, int index, const struct link_addresses *added);
/* The families of these addresses that the link has: the sum of the flags, or -errno. One request. */
enum { LINK_HAS_IPV4 = 1, LINK_HAS_IPV6 = 2 };
int link_has_addresses(struct link_socket *links, int index, const struct link_addresses *wanted);
/*
 * The first address of each family that a link has and that is not for the link alone, nor temporary, deprecated or
 * still being checked. Bounded: only the first 256 addresses are read, after which the socket serves no other request.
 */
int link_first_addresses(struct link_socket *links, int index, struct link_addresses *found);
/* Removes all addresses of a family, AF_INET or AF_INET6, from a link, except link-local ones of IPv6. */
int link_clear_addresses(struct link_socket *links, int index, int family);
/* Removes the addresses of one IPv6 subnet from a link. */
int link_clear_subnet6(struct link_socket *links, int index, const struct in6_addr *subnet,
		       unsigned prefix);

/* The whole set-up of a link that exists. Gateways of default routes; 0.0.0.0 and :: stand for none. */
struct link_setup {
	int index;
	struct link_addresses own;
	struct in_addr gateway;
	struct in6_addr gateway6;
};

/*
 * Sets the link up, then its addresses, then its default routes, in one send. *part: the part that failed, as the
 * beginning of a sentence.
 */
int link_configure(struct link_socket *links, const struct link_setup *setup, const char **part);
/* Makes the default routes lead through the link, as far as there are gateways. */
int link_add_default_routes(struct link_socket *links, const struct link_setup *setup);
/* Removes exactly these default routes; success if there are none. */
int link_remove_default_routes(struct link_socket *links, const struct link_setup *setup);

/*
 * Adds static routes through the link; they have a protocol of their own, by which link_set_routes finds those of
 * earlier times and removes what is not wanted any more. A gateway has to be in a subnet of the link.
 */
int link_add_routes(struct link_socket *links, int index, const struct ip_route *routes,
		    size_t count);
int link_set_routes(struct link_socket *links, int index, const struct ip_route *routes,
		    size_t count);

/* A pair: one end here, the other in the network namespace of a process. */
struct link_veth {
	const char *name;            /* of our end */
	const char *alias;           /* of our end */
	bool isolated;               /* from other isolated ports of the bridge */
	int bridge;                  /* index of the bridge that our end is a port of; 0: of none */
	const char *peer;            /* name of the other end, born in the namespace of pid */
	unsigned char mac[LINK_MAC]; /* of our end */
	unsigned char peer_mac[LINK_MAC];
	unsigned
		vlan; /* of our end as a port of a bridge that filters VLANs; 0: the bridge's own */
	unsigned mtu,
		peer_mtu; /* of our end and of the other one, bytes; 0: the kernel's default */
	pid_t pid;
};

/*
 * Makes the pair in one request. Our end is up and a port of the bridge from the start, and never has an IPv6 address,
 * so that it sends nothing by itself. With a VLAN our end comes up when it is in that VLAN and in no other. -EEXIST if
 * the name of our end is taken. (Moving the peer to another namespace afterwards would wait for an RCU grace period: 17
 * ms instead of 0.7.)
 */
int link_add_veth(struct link_socket *links, const struct link_veth *veth);

/* Makes a link a port of a bridge, as link_add_veth does, also if it was a port of another. */
int link_join(struct link_socket *links, int index, int bridge, bool isolated, unsigned vlan);
/* Puts a port into one VLAN, whose frames it sends and receives without a tag, and into no other. */
int link_set_vlan(struct link_socket *links, int port, unsigned vlan);
/* Whether a bridge keeps its ports to VLANs: 1, 0, or -errno. */
int link_filters_vlans(struct link_socket *links, int bridge);
/* Isolates a port from other isolated ports of its bridge, or ends that. */
int link_set_isolated(struct link_socket *links, int index, bool isolated);

/*
 * Permanent entries of the neighbour table of a link, at most 4, which the kernel never asks for: those IPv6 addresses
 * have that hardware address. An entry that exists is replaced.
 */
int link_add_neighbours(struct link_socket *links, int index, const struct in6_addr *addresses,
			size_t count, const unsigned char mac[LINK_MAC]);
/* Removes entries; 0 also if there are none. */
int link_remove_neighbours(struct link_socket *links, int index, const struct in6_addr *addresses,
			   size_t count);

/* A link on another one, which shares the frames that come there. */
struct link_upper {
	const char *kind;            /* "macvlan" or "ipvlan" */
	unsigned mode, flags;        /* of the kind, as linux/if_link.h has them */
	int lower;                   /* index of the other one, which is ours */
	const char *name;            /* in the network namespace of pid, where the link is born */
	unsigned char mac[LINK_MAC]; /* zeros: as the kernel chooses */
	unsigned mtu;                /* bytes; 0: that of the other one */
	pid_t pid;
};

/*
 * Makes it in one request; it is down. -EEXIST: the name is taken there; -EOPNOTSUPP: the kernel does not know the
 * kind; -EBUSY: the other one is a port of a bridge, or links of another kind are on it.
 */
int link_add_upper(struct link_socket *links, const struct link_upper *upper);
/* Gives a link of that kind another mode. */
int link_set_mode(struct link_socket *links, int index, const char *kind, unsigned mode,
		  unsigned flags);

/* A link that goes to another network namespace. It loses its addresses and routes. */
struct link_move {
	int index;
	int space;                   /* descriptor of that namespace */
	const char *name;            /* of the link there */
	unsigned mtu;                /* bytes; 0: as it is */
	unsigned char mac[LINK_MAC]; /* zeros: as it is */
	bool up;
};

/*
 * Moves it in one request. -EEXIST: the name is taken there; -EINVAL: it is of a kind that cannot leave,
 * such as a bridge.
 */
int link_move(struct link_socket *links, const struct link_move *move);
/* The index of a link that is on that one, such as a VLAN, in the same namespace; 0: there is none; or -errno. */
int link_find_upper(struct link_socket *links, int lower);
/*
 * Lists the addresses of a link but for link-local ones of IPv6, each of one family, as far as there is room: their
 * number, which may be larger, or -errno.
 */
int link_list_addresses(struct link_socket *links, int index, struct link_addresses *list,
			size_t room);

/* Deletes a link; 0 also if there is none. */
int link_delete(struct link_socket *links, const char *name);
int link_delete_index(struct link_socket *links, int index);

/* The number of links with that prefix that are not a port of any bridge, or -errno. */
int link_count_loose(struct link_socket *links, const char *prefix);

/* The number of ports of a bridge, or -errno. */
int link_count_ports(struct link_socket *links, int bridge);

/*
 * Calls visit with each IPv4 network of the host: addresses of links, and routes of all tables except default routes.
 * Some come twice. Stops at nonzero and returns it.
 */
int link_each_subnet(struct link_socket *links,
		     int (*visit)(void *, struct in_addr network, unsigned prefix, int index),
		     void *context);
/*
 * Calls visit with the index of each link that a default route of the host, of either family, leads through; some come
 * twice. Stops at nonzero and returns it.
 */
int link_each_uplink(struct link_socket *links, int (*visit)(void *, int index), void *context);
/* link_each_subnet for IPv6, without link-local networks and groups. */
int link_each_subnet6(struct link_socket *links,
		      int (*visit)(void *, const struct in6_addr *network, unsigned prefix,
				   int index),
		      void *context);

#endif
