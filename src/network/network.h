/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks. Those of berth's own have a bridge with a subnet, leases, DHCP and DNS, NAT; on others berth only puts the
 * interfaces of machines on a link of the host's. This layer knows names and pids, not machines.
 */
#ifndef BERTH_NETWORK_NETWORK_H
#define BERTH_NETWORK_NETWORK_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/unfinished.h"
#include "config/config.h"
#include "config/values.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

struct network {
	const struct dirs *dirs; /* borrowed: outlives it */
	char *name;              /* owned */
	char *folder;            /* owned; STATE/networks/NAME */
	struct network_config config;
	struct in_addr subnet; /* its first address, which no machine has */
	struct in_addr
		gateway; /* of an own network the bridge's address; else 0.0.0.0 if it is not known */
	unsigned
		prefix; /* bits of the subnet; 0: it is not known, of a network that is not berth's own */
	struct in6_addr gateway6; /* the same for IPv6 */
	unsigned prefix6;         /* 0: it has no IPv6, or none that is known */
	bool without_ipv6; /* set by network_up: the host has no IPv6, so that prefix6 is 0 whatever the settings say */
	int bridge; /* index of the link, its own or its parent, once network_up has seen it; else 0 */
	unsigned parent_mtu; /* bytes, set by network_up; 0: it has no parent */
	/* set by network_up: the network was up but had lost its firewall rules, or its bridge while it had ports */
	bool renewed;
	bool rerouted; /* set by network_set: its machines have another default route now, or none */
	/* set by network_set and network_up: its machines may have other static routes, and addresses of these IPv6 subnets */
	bool renumbered;
	char earlier6[256]; /* separated by spaces */
	char warning
		[512]; /* set by network_up: what does not work, a sentence a line; "" = nothing */
};

#define LEASE_LINK "eth0"

/*
 * A lease: the addresses of a name on a network. It stays the same over all starts, until it is released. On a network
 * that is not berth's own, only fixed addresses are in it; the machine asks the DHCP of the LAN for others.
 */
struct lease {
	char name[64];
	char mac[18];
	struct in_addr address;
	struct in_addr gateway; /* 0.0.0.0: none */
	unsigned prefix;        /* 0: it has no IPv4 address */
	struct in6_addr address6;
	struct in6_addr gateway6; /* ::: none */
	unsigned prefix6;         /* 0: it has no IPv6 address */
	bool stale6; /* its files have an IPv6 address of a subnet that the network has no more */
	char domain[254];  /* the network's, or "" */
	char servers[200]; /* name servers, separated by spaces, or ""; set by lease_get alone */
	bool made;         /* set by lease_get: the lease is new, or has another address now */
	/* As the network says; the caller of network_attach adds what the machine and its interface say. */
	bool isolated;            /* isolated from the bridge's other isolated ports */
	char link[IFNAMSIZ];      /* name of the interface in the guest; LEASE_LINK */
	unsigned mtu;             /* bytes; 0: the kernel's default */
	unsigned vlan;            /* of its port; 0: none is chosen */
	bool foreign;             /* the network is not berth's own */
	bool inside;              /* its interface has no end on the host (config_is_inside) */
	bool without_route;       /* the guest's default route does not lead through it */
	struct route_list routes; /* static ones, whose gateways it reaches */
};

/*
 * Makes a new network with the settings that are given, also of fixed keys. A bridge name, and a /20 subnet that
 * collides with no route of the host, are chosen unless they are given. Writes files only; the first network_up makes
 * the links. -EEXIST.
 */
int network_create(const struct dirs *dirs, const char *name, const struct config_change *given,
		   size_t count, struct err *err);
/* Whether network_create could make it, with that bridge and subnet (NULL: chosen). Makes nothing. */
int network_check_new(const struct dirs *dirs, const char *name, const char *bridge,
		      const char *subnet, struct err *err);
/* The same for a network that is not berth's own, with these settings. */
int network_check_foreign(const struct dirs *dirs, const char *name,
			  const struct network_config *config, struct err *err);
/* Opens a network. -ENOENT; -ENODATA: the folder exists but its settings are missing; the sentence has the remedies. */
int network_open(struct network *network, const struct dirs *dirs, const char *name,
		 struct err *err);
/* The mark of a network that is half made or half removed. */
struct unfinished network_mark(const struct dirs *dirs, const char *name);
void network_close(struct network *network);
#define scoped_network __attribute__((cleanup(network_close)))
/* Calls visit with the name of each network, sorted, also of broken ones; stops at nonzero and returns it. */
int network_list(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
		 struct err *err);

/*
 * Brings the network up. One that is not berth's own only has its parent looked for. Else: bridge with its address,
 * forwarding, firewall table, dnsmasq. Makes only missing parts; without any, it is cheap and starts no process. Safe
 * when several commands do it at once. With nat it switches on IPv4 forwarding, a setting of the whole host, which
 * stays on. Machines work without dnsmasq, because berth sets their addresses: if it is missing or cannot run,
 * network_up succeeds, and network->warning has the reason and the remedy.
 */
int network_up(struct network *network, struct err *err);
/*
 * Starts dnsmasq for a network that is up, if it is missing or outdated. *cause: why it was started, as words; NULL: it
 * ran, is not wanted, or the network is down. Called by whoever saw it end. 1: it runs now; 0: none is wanted; or
 * -errno.
 */
int network_serve(struct network *network, const char **cause, struct err *err);
/* Removes what network_up made; refused while the bridge has ports. Idempotent. */
int network_down(struct network *network, struct err *err);
/*
 * Changes settings, all or none of them; network then has them. A network that is up gets them at once: it is renewed
 * as by network_up, and network->renewed, rerouted and warning are set. If that fails, the settings are as before. The
 * caller then calls machine_reconnect_all, which brings them to running machines; only their domain waits for the next
 * start.
 */
int network_set(struct network *network, const struct config_change *changes, size_t count,
		struct err *err);
/*
 * Whether network_set could make these changes, and the settings then, which config_free releases. Makes none. A subnet6
 * that is still to be drawn is "auto" there.
 */
int network_set_check(struct network *network, const struct config_change *changes, size_t count,
		      struct network_config *config, struct err *err);
/*
 * Makes changes of firewall rules in the settings, in one write; network then has them. before: gets the file as it
 * was, for network_restore_rules. Ports of running machines stay as they are.
 */
int network_change_rules(struct network *network, const struct section_change *changes,
			 size_t count, struct text *before, struct err *err);
int network_restore_rules(struct network *network, const struct text *before, struct err *err);
/* Whether the network can become one of the kind that these settings have: by name, -EINVAL. */
int network_check_kind(const struct network *network, const struct network_config *config,
		       struct err *err);
/*
 * Adds a sentence, a line each, for settings of a network that are allowed and probably not meant, as far as they were
 * given by these changes: translation on a private network, addresses of the internet behind a translation.
 */
void network_advise(const struct network *network, const struct config_change *changes,
		    size_t count, bool is_new, struct text *notes);
/* Whether network_delete would delete it. */
int network_check_delete(const struct dirs *dirs, const char *name, bool force, struct err *err);
/* Takes the network down and deletes it; without force refused while it has leases or cannot be read. */
int network_delete(const struct dirs *dirs, const char *name, bool force, struct err *err);

struct network_status {
	bool up;        /* the bridge exists and is up */
	bool dns;       /* our dnsmasq runs as it should */
	bool dns_stale; /* it runs, but with old settings or an old resolv.conf */
	bool nat;       /* the firewall table has our rules */
	bool nat6;      /* the same for IPv6 */
	int leases, ports;
	/* the base chain that drops forwarded packets, as "ip filter FORWARD" (of Docker or a firewall), or "" */
	char dropped_by[96];
	char dns_fault[200]; /* why dns is false although it should be true, or "" */
	struct err fault; /* the parent is missing, down or none of the kind; code 0: it is not */
};
int network_status(struct network *network, struct network_status *status, struct err *err);

/* The wishes for a lease. An address may be NULL or "": a free one, and an IPv6 address that is made from it. */
struct lease_want {
	const char *mac, *address, *address6;
};
/*
 * Finds or makes the lease of a name, with that hardware address, which no other lease may have (-ENOTUNIQ), and the
 * wanted addresses (-EADDRINUSE: another name has it). The files are the allocation.
 */
int lease_get(struct network *network, const char *name, const struct lease_want *want,
	      struct lease *lease, struct err *err);
/*
 * Checks whether a name could get these addresses, as far as they are not "": each is in the subnet, not the gateway's,
 * and free. Reserves nothing.
 */
int lease_check(const struct network *network, const char *name, const char *address,
		const char *address6, struct err *err);
/*
 * Whether a machine of a network that is not made yet, with these settings, could have that IPv4 address: it is in the
 * subnet, not the gateway's.
 */
int lease_check_new(const char *network, const struct network_config *config, const char *want,
		    struct err *err);
/* Whether a port of the network can be in a VLAN, as far as its settings tell; 0, which chooses none, always can. */
int network_check_vlan(const struct network *network, unsigned vlan, struct err *err);
/* Whether an interface on the network can have these static routes, a KEY_ROUTES. */
int network_check_routes(const struct network *network, const char *nic, const char *routes,
			 struct err *err);
/* Whether a lease has that address, and the name that it belongs to. */
bool lease_has_holder(const struct network *network, const char *address, char name[64]);
/* Whether a lease has that hardware address, and the name that it belongs to. */
bool lease_has_mac_holder(const struct network *network, const char *mac, char name[64]);
/* Checks whether a name could get that hardware address, which must not be another lease's. */
int lease_check_mac(const struct network *network, const char *name, const char *mac,
		    struct err *err);
/*
 * Whether there is something to release: a lease of that name, or a change that a killed command left half done. Quiet.
 */
bool lease_is_there(const struct network *network, const char *name);
/* Calls visit with each lease, by name; stops at nonzero and returns it. A damaged one is left out. 0, or -code. */
int lease_each(struct network *network, int (*visit)(void *, const struct lease *), void *context,
	       struct err *err);
/* Finds a lease, without making one. -ENOENT: there is none. */
int lease_find(struct network *network, const char *name, struct lease *lease, struct err *err);
/*
 * Gives the lease of a name that has this hardware address to another name; a lease that this one has already is
 * released. Idempotent; fine if there is none.
 */
int lease_rename(struct network *network, const char *name, const char *mac, const char *to,
		 struct err *err);
/*
 * Gives the leases whose IPv6 address is not one of the network's subnet one of it, or none if the network has none.
 * Under the network's lock; the caller has dnsmasq started again. 0 or -code.
 */
int lease_renumber(const struct network *network, struct err *err);
/* Idempotent. */
int lease_release(struct network *network, const char *name, struct err *err);

/* The rules that a machine's port is to have, beside those of the network. */
struct port_rules {
	bool guarded;               /* against other senders; see guard.h */
	const struct section *list; /* borrowed; firewall rules, of struct rule_config */
};
/*
 * Makes a veth pair in one request: one end is up and a port of the bridge, named by port_ifname; the other has the
 * lease's link name and mac, in the network namespace of pid. On a network of kind macvlan or ipvlan makes the one
 * interface there.
 */
int network_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err);
/* Whether the machine's link is a port of the network's bridge: 1, 0, or -code. */
int network_is_attached(struct network *network, const char *name, struct err *err);
/*
 * Makes a running machine's link a port of the bridge again, after network_up, with the isolation and the mtu of the
 * lease. If the link is gone, makes the pair anew as network_plug does.
 */
int network_reattach(struct network *network, const struct lease *lease, pid_t pid,
		     const struct port_rules *rules, struct err *err);
/*
 * Gives a running machine an interface: network_attach, the rules of its port, then its address and route in
 * the network namespace of pid, and the announcement.
 */
int network_plug(struct network *network, const struct lease *lease, pid_t pid,
		 const struct port_rules *rules, struct err *err);
/*
 * Takes the addresses of the IPv6 subnets that a renumbered network had from a running machine, with the default route
 * through each, and gives it those of its lease.
 */
int network_renumber(const struct network *network, const struct lease *lease, pid_t pid,
		     struct err *err);
/* All machines were renumbered. Quiet. */
void network_renumbered(const struct network *network);
/* Counters of a machine's port since it was made, as the machine sees them. */
struct traffic {
	uint64_t received_packets, received_bytes;
	uint64_t sent_packets, sent_bytes; /* also those that were dropped */
	uint64_t guarded; /* packets of it that the guard of its port has dropped */
	bool unguarded;   /* it has no port on the host, and so no guard */
};
/* Reads it. -ENODEV: the machine has no port there; or -errno. Quiet. */
int network_traffic(const struct network *network, const char *name, struct traffic *traffic);

/*
 * Fills in the addresses that a lease does not have, as they are on the interface inside the network namespace of pid:
 * the first of each family that others can reach; and the hardware address that an interface without an end on the host
 * has. Quiet: what cannot be seen stays as it is.
 */
void network_see_addresses(struct lease *lease, pid_t pid);
/* Makes the default route of a running machine lead through the interface of this lease, or not, as the lease says. */
int network_route(const struct network *network, const struct lease *lease, pid_t pid,
		  struct err *err);
/* Gives the interface of a running machine the static routes of its lease, and takes away others that berth has set. */
int network_renew_routes(const struct network *network, const struct lease *lease, pid_t pid,
			 struct err *err);
/* Adds static routes, a KEY_ROUTES, to a lease; one to the same network takes the place of an earlier one. */
void lease_add_routes(struct lease *lease, const char *routes);
/* Those that it has: the gateways are other machines in the subnets of the lease, which may have changed. */
void lease_reached_routes(const struct lease *lease, struct route_list *out);
/* Removes the host end of the pair. Idempotent. */
int network_remove_port(struct network *network, const char *name, struct err *err);

/*
 * Sets up the guest's network namespace, called inside it before init: lo up; for each lease also its interface up, its
 * address and the default route.
 */
int network_guest_setup(const struct lease *const *leases, size_t count, struct err *err);

/*
 * Announces the address to neighbours and bridge by a gratuitous ARP (RFC 5227, section 2.3), because they may remember
 * its old place. Called as late as possible before init: for 0.1 to 2 ms after network_guest_setup the bridge port
 * drops all frames, the kernel's own announcement among them. Quiet: a start works without it.
 */
void network_guest_announce(const struct lease *lease);

#endif
