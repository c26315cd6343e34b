/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges with a subnet, leases, DHCP and DNS, NAT; never a machine: it deals in names and pids. */
#ifndef BERTH_NETWORK_NETWORK_H
#define BERTH_NETWORK_NETWORK_H

#include "base/err.h"
#include "base/site.h"
#include "base/unfinished.h"
#include "config/config.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

struct network {
	const struct site *site; /* borrowed: outlives it */
	char *name;              /* owned */
	char *folder;            /* owned; STATE/networks/NAME */
	struct network_config config;
	struct in_addr gateway; /* the bridge's own address: first of the subnet */
	unsigned prefix;        /* bits of the subnet */
	int bridge;             /* index of the link, once network_up has seen it; else 0 */
	/* By network_up: it was up, and has lost its firewall rules, or its bridge under its ports. */
	bool renewed;
	char warning[256]; /* by network_up: what works without, in a sentence; "" = nothing */
};

/* What a name holds on a network, until it is released: the same across every start. */
struct lease {
	char name[64];
	char mac[18];
	struct in_addr address;
	struct in_addr gateway;
	unsigned prefix;
	char domain[254]; /* the network's, or "" */
	bool made;        /* by lease_get: there was none, or another address */
	bool isolated;    /* set by who attaches it: from the bridge's other isolated ports */
};

/*
 * A new network: bridge name (site's own when NULL) and subnet (a /20, one that collides with no
 * route of the host, when NULL). Only files; links come up with the first network_up. -EEXIST.
 */
int network_create(const struct site *site, const char *name, const char *bridge,
		   const char *subnet, struct err *err);
/* -ENOENT; -ENODATA: its settings are missing, and its folder is there, in words with the ways out. */
int network_open(struct network *network, const struct site *site, const char *name,
		 struct err *err);
/* What marks one as half made or half removed. */
struct unfinished network_mark(const struct site *site, const char *name);
void network_close(struct network *network);
#define scoped_network __attribute__((cleanup(network_close)))
/* Calls visit with every network's name, sorted, broken ones too; stops at nonzero and returns it. */
int network_list(const struct site *site, int (*visit)(void *, const char *name), void *context,
		 struct err *err);

/*
 * Brings up what is missing: bridge with its address, forwarding, the firewall table, dnsmasq. Cheap
 * when all is there (no child process), safe against others doing the same at once. With nat, IPv4
 * forwarding is switched on, which is a setting of the whole host and stays on. Machines work without
 * dnsmasq, since their addresses are set by us: where it is missing or cannot run, network_up
 * succeeds, and network->warning says so and what to do.
 */
int network_up(struct network *network, struct err *err);
/*
 * Gives a network that is up its dnsmasq again, or one that runs as it should by now; *cause becomes why it had to,
 * in words, or NULL: it runs, is not wanted, or the network is down. For whoever has seen it end.
 * 1: it runs now; 0: none is wanted; or -errno.
 */
int network_serve(struct network *network, const char **cause, struct err *err);
/* Takes down what network_up made; refused while ports are on the bridge. Idempotent. */
int network_down(struct network *network, struct err *err);
/* Down, then gone; refused while it has leases, or cannot be read, unless force. */
int network_delete(const struct site *site, const char *name, bool force, struct err *err);

struct network_status {
	bool up;        /* the bridge exists and is up */
	bool dns;       /* our dnsmasq runs as it should */
	bool dns_stale; /* it runs, but with older settings, or the host's resolv.conf leads elsewhere */
	bool nat;       /* the firewall table has our rules */
	int leases, ports;
	/* The base chain that drops what is forwarded, as "ip filter FORWARD" (Docker, a firewall), or "" */
	char dropped_by[96];
	char dns_fault[200]; /* why dns is false although it should be true, or "" */
};
int network_status(struct network *network, struct network_status *status, struct err *err);

/*
 * The lease of a name, made if there is none: mac is stored with it, and is nobody else's there
 * (-ENOTUNIQ); want NULL or an address that it must have (-EADDRINUSE when another name holds it). The
 * files are the allocation.
 */
int lease_get(struct network *network, const char *name, const char *mac, const char *want,
	      struct lease *lease, struct err *err);
/*
 * Whether a name may have that address: it lies in the subnet, is not the gateway's, and nobody else's.
 * A look: another name may take it afterwards.
 */
int lease_check(const struct network *network, const char *name, const char *want, struct err *err);
/* Whether something of a lease is there, in one look; without a sentence. */
bool lease_is_there(const struct network *network, const char *name);
/* -ENOENT when there is none; makes nothing. */
int lease_find(struct network *network, const char *name, struct lease *lease, struct err *err);
/* Idempotent. */
int lease_release(struct network *network, const char *name, struct err *err);

/*
 * A veth pair: one end on the bridge, up, named by port_ifname; the other born as eth0, with the
 * lease's mac, in the network namespace of pid. One netlink request.
 */
int network_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err);
/* Whether the machine's port is one of the network's bridge: 1, 0, or -code. */
int network_is_attached(struct network *network, const char *name, struct err *err);
/*
 * After network_up, for a machine that runs: its port is one of the bridge, whatever became of both. If
 * the port is gone, eth0 comes anew into the network namespace of pid, with its address.
 */
int network_reattach(struct network *network, const struct lease *lease, pid_t pid,
		     struct err *err);
/* Removes the host end if it is still there. Idempotent. */
int network_remove_port(struct network *network, const char *name, struct err *err);

/*
 * Inside the guest's network namespace, before its init: lo up; with a lease, eth0 is up and gets
 * address and default route.
 */
int network_guest_setup(const struct lease *lease, struct err *err);

/*
 * Tells the neighbours and the bridge where the address is now (a gratuitous ARP, RFC 5227, section
 * 2.3), which may remember where it was before. As late as can be before init: until a moment after
 * network_guest_setup (0.1 to 2 ms seen) the bridge's port drops everything; that is also why the
 * kernel's own announcement at coming up never arrives. Quiet: without it a start still works.
 */
void network_guest_announce(const struct lease *lease);

#endif
