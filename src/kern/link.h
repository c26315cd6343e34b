/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses and routes of the network namespace that we are in, by libnl. No policy. */
#ifndef BERTH_KERN_LINK_H
#define BERTH_KERN_LINK_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * One netlink socket, for as many requests as wanted. All quiet: 0 or -errno, the kernel's own code,
 * never libnl's, or of link_open() -ELIBACC, without libnl; link_why() has the kernel's words for the last failure.
 */
struct link_socket;

int link_open(struct link_socket **out);
void link_close(struct link_socket **links);
#define scoped_links __attribute__((cleanup(link_close)))

/* What the last request failed for, the kernel's extended answer if it gave one. Never NULL. */
const char *link_why(const struct link_socket *links);

enum { LINK_MAC = 6 };

struct link_info {
	int index;
	int master; /* index of the bridge that it is a port of, or 0 */
	bool up;
	char kind[16];               /* "bridge", "veth", "" for hardware */
	char alias[64];              /* cut if longer */
	unsigned char mac[LINK_MAC]; /* zero where there is none */
};

/* -ENODEV when there is no link of that name. */
int link_find(struct link_socket *links, const char *name, struct link_info *info);

/*
 * The bridge of that name: joined if it is there, whatever it is (the caller judges by info), else
 * made with that mac and up. Others may make or remove it meanwhile.
 */
int link_join_bridge(struct link_socket *links, const char *name, const unsigned char *mac,
		     struct link_info *info);

int link_set_up(struct link_socket *links, int index);
int link_set_alias(struct link_socket *links, int index, const char *alias);
/* Of a bridge: whether it sends multicast only where somebody asked for it. */
int link_set_snooping(struct link_socket *links, int bridge, bool on);

/* An address with its broadcast address; success if it is there already. */
int link_add_address(struct link_socket *links, int index, struct in_addr address, unsigned prefix);
/* 1, 0 or -errno. */
int link_has_address(struct link_socket *links, int index, struct in_addr address, unsigned prefix);
/* Removes every IPv4 address of a link. */
int link_clear_addresses(struct link_socket *links, int index);
int link_add_default_route(struct link_socket *links, int index, struct in_addr gateway);

/* A pair: one end here, the other in the network namespace of a process. */
struct link_veth {
	const char *name;            /* of our end */
	const char *alias;           /* of our end */
	bool isolated;               /* from other such ports of the bridge */
	int bridge;                  /* index of the bridge that our end is a port of */
	const char *peer;            /* name of the other end, born in the namespace of pid */
	unsigned char mac[LINK_MAC]; /* of our end */
	unsigned char peer_mac[LINK_MAC];
	pid_t pid;
};

/*
 * Makes the pair in one go: our end is up and a port of the bridge from its first moment, and never has
 * an IPv6 address, so that it says nothing itself. -EEXIST when
 * our end's name is taken. (A peer moved to another namespace afterwards waits for an RCU grace
 * period: 17 ms instead of 0.7.)
 */
int link_add_veth(struct link_socket *links, const struct link_veth *veth);

/* Makes a link a port of a bridge, as link_add_veth does, whatever it was. */
int link_join(struct link_socket *links, int index, int bridge, bool isolated);

/* Success if it is gone already. */
int link_delete(struct link_socket *links, const char *name);

/* How many links whose names begin so are a port of nothing, or -errno. */
int link_count_loose(struct link_socket *links, const char *prefix);

/* How many ports a bridge has, or -errno. */
int link_count_ports(struct link_socket *links, int bridge);

/*
 * Calls visit with every IPv4 network that the host knows: the addresses of its links and the routes
 * of all its tables, but for default routes. Some come twice. Stops at nonzero and returns it.
 */
int link_each_subnet(struct link_socket *links,
		     int (*visit)(void *, struct in_addr network, unsigned prefix, int index),
		     void *context);

#endif
