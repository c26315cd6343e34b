/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/guard.h"

#include "base/scoped.h"
#include "base/text.h"
#include "kern/nft.h"
#include "network/filter.h"
#include "network/link_names.h"
#include "network/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAC = 6,
	OWN_IPV6 = 2, /* IPv6 addresses that a machine has */
	FRAME_TYPE = 12,
	ARP_HARDWARE = 8,
	ARP_SENDER = 14,
	ARP_TARGET = 24,
	IPV4_PROTOCOL = 9,
	IPV4_SOURCE = 12,
	IPV6_SOURCE = 8, /* RFC 8200; its last 8 bytes are the machine's part */
	UDP_TO = 2,
	ICMP6_TARGET = 8,
	DHCP_SERVER = 67,
	DHCP_CLIENT = 68,
	DHCPV6_CLIENT = 546,
	ROUTER_ADVERTISEMENT = 134, /* RFC 4861, and so are the next three */
	NEIGHBOUR_SOLICITATION = 135,
	NEIGHBOUR_ADVERTISEMENT = 136,
	REDIRECT = 137,
};

struct guard {
	char ifname[IFNAMSIZ];
	char name[32];
	unsigned char mac[MAC];
	unsigned char id[8]; /* made from the hardware address, RFC 4291, appendix A */
	bool has_ipv6;       /* the lease has an IPv6 address, so that own6 counts, not id alone */
	bool any_ipv4; /* the IPv4 address is not known: the machine asks the DHCP of a LAN for it */
	bool any_ipv6; /* the same for IPv6 */
	unsigned char own6[OWN_IPV6][16];
	char mark[64];
	struct rules rules;   /* owned */
	struct filter filter; /* owned */
	struct nft_table table;
};

static const unsigned char nowhere[16];

/* Destination ports of DHCP clients, whatever the source port is. */
static void drop_to_port(struct guard *guard, unsigned protocol, unsigned port)
{
	const unsigned char bytes[2] = { (unsigned char)(port >> 8), (unsigned char)port };

	rules_want_segment(rules_add_for(&guard->rules, NFT_DROP, protocol), IPPROTO_UDP, UDP_TO,
			   bytes, sizeof bytes, false);
}

/* The kernel has already removed a VLAN tag; the frame's own type shows it. */
static void check_frame(struct guard *guard)
{
	static const unsigned char types[][2] = { { 8, 0 }, { 8, 6 }, { 0x86, 0xdd } };

	rules_want(rules_add(&guard->rules, NFT_DROP), NFT_FIELD_FRAME, MAC, guard->mac, MAC, true);
	struct nft_rule *type = rules_add(&guard->rules, NFT_DROP);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		rules_want(type, NFT_FIELD_FRAME, FRAME_TYPE, types[i], 2, true);
}

/* RFC 826. A probe (RFC 5227) has no source, asks whether an address is free, and so can take it from its owner. */
static void check_arp(struct guard *guard, const struct in_addr *address)
{
	static const unsigned char head[6] = { 0, 1, 8, 0, 6, 4 };

	rules_want(rules_add_for(&guard->rules, NFT_DROP, ETH_P_ARP), NFT_FIELD_PACKET, 0, head,
		   sizeof head, true);
	rules_want(rules_add_for(&guard->rules, NFT_DROP, ETH_P_ARP), NFT_FIELD_PACKET,
		   ARP_HARDWARE, guard->mac, MAC, true);
	if (guard->any_ipv4) {
		rules_add_for(&guard->rules, NFT_ACCEPT, ETH_P_ARP);
		return;
	}
	struct nft_rule *sender = rules_add_for(&guard->rules, NFT_DROP, ETH_P_ARP);
	rules_want(sender, NFT_FIELD_PACKET, ARP_SENDER, address, 4, true);
	rules_want(sender, NFT_FIELD_PACKET, ARP_SENDER, nowhere, 4, true);
	struct nft_rule *probe = rules_add_for(&guard->rules, NFT_DROP, ETH_P_ARP);
	rules_want(probe, NFT_FIELD_PACKET, ARP_SENDER, nowhere, 4, false);
	rules_want(probe, NFT_FIELD_PACKET, ARP_TARGET, address, 4, true);
	rules_add_for(&guard->rules, NFT_ACCEPT, ETH_P_ARP);
}

/* A machine without an address may ask a DHCP server, and send nothing else. */
static void check_ipv4(struct guard *guard, const struct in_addr *address)
{
	static const unsigned char server[2] = { 0, DHCP_SERVER };
	static const unsigned char udp = IPPROTO_UDP;

	if (!guard->any_ipv4) {
		struct nft_rule *source = rules_add_for(&guard->rules, NFT_DROP, ETH_P_IP);
		rules_want(source, NFT_FIELD_PACKET, IPV4_SOURCE, address, 4, true);
		rules_want(source, NFT_FIELD_PACKET, IPV4_SOURCE, nowhere, 4, true);
	}
	struct nft_rule *other = rules_add_for(&guard->rules, NFT_DROP, ETH_P_IP);
	rules_want(other, NFT_FIELD_PACKET, IPV4_SOURCE, nowhere, 4, false);
	rules_want(other, NFT_FIELD_PACKET, IPV4_PROTOCOL, &udp, 1, true);
	struct nft_rule *dhcp = rules_add_for(&guard->rules, NFT_DROP, ETH_P_IP);
	rules_want(dhcp, NFT_FIELD_PACKET, IPV4_SOURCE, nowhere, 4, false);
	rules_want_segment(dhcp, IPPROTO_UDP, UDP_TO, server, sizeof server, true);
	drop_to_port(guard, ETH_P_IP, DHCP_CLIENT);
	rules_pass_known(&guard->rules, ETH_P_IP);
}

static void want_target(struct guard *guard, struct nft_rule *rule, const unsigned char *own)
{
	if (own)
		rules_want(rule, NFT_FIELD_SEGMENT, ICMP6_TARGET, own, sizeof(struct in6_addr),
			   false);
	else
		rules_want(rule, NFT_FIELD_SEGMENT, ICMP6_TARGET + 8, guard->id, sizeof guard->id,
			   false);
}

static struct nft_rule *add_neighbour(struct guard *guard, enum nft_verdict verdict,
				      unsigned char type, bool from_nowhere)
{
	struct nft_rule *rule = rules_add_for(&guard->rules, verdict, ETH_P_IPV6);

	rules_want_segment(rule, IPPROTO_ICMPV6, 0, &type, 1, false);
	if (from_nowhere)
		rules_want(rule, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, false);
	return rule;
}

/* A message about a neighbour passes if it is about the machine itself; else it is dropped. */
static void check_neighbour(struct guard *guard, unsigned char type, bool from_nowhere)
{
	if (guard->has_ipv6) {
		for (size_t i = 0; i < OWN_IPV6; i++)
			want_target(guard, add_neighbour(guard, NFT_ACCEPT, type, from_nowhere),
				    guard->own6[i]);
	} else {
		want_target(guard, add_neighbour(guard, NFT_ACCEPT, type, from_nowhere), NULL);
	}
	add_neighbour(guard, NFT_DROP, type, from_nowhere);
}

static void drop_icmp6(struct guard *guard, unsigned char type)
{
	rules_want_segment(rules_add_for(&guard->rules, NFT_DROP, ETH_P_IPV6), IPPROTO_ICMPV6, 0,
			   &type, 1, false);
}

/*
 * On a network with IPv6, a machine has two addresses: that of its lease and the link-local one that is made from its
 * hardware address. A link-local address of another form cannot be told from those of others, so it is none of its own.
 * Without, any announced prefix is allowed: the machine's own part of the address counts. A packet without a source
 * asks whether an address is free, and could keep others from theirs.
 */
static void check_sources6(struct guard *guard)
{
	struct nft_rule *source = rules_add_for(&guard->rules, NFT_DROP, ETH_P_IPV6);

	for (size_t i = 0; guard->has_ipv6 && i < OWN_IPV6; i++)
		rules_want(source, NFT_FIELD_PACKET, IPV6_SOURCE, guard->own6[i],
			   sizeof guard->own6[i], true);
	if (!guard->has_ipv6)
		rules_want(source, NFT_FIELD_PACKET, IPV6_SOURCE + 8, guard->id, sizeof guard->id,
			   true);
	rules_want(source, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, true);
	struct nft_rule *other = rules_add_for(&guard->rules, NFT_DROP, ETH_P_IPV6);
	rules_want(other, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, false);
	rules_want_number(other, NFT_FIELD_TRANSPORT, IPPROTO_ICMPV6);
	other->match[2].inverted = true;
	check_neighbour(guard, NEIGHBOUR_ADVERTISEMENT, false);
	check_neighbour(guard, NEIGHBOUR_SOLICITATION, true);
}

static void check_ipv6(struct guard *guard)
{
	/* Addresses of a LAN's router, DHCP or the machine's own choice have any form. */
	if (!guard->any_ipv6)
		check_sources6(guard);
	drop_icmp6(guard, ROUTER_ADVERTISEMENT);
	drop_icmp6(guard, REDIRECT);
	drop_to_port(guard, ETH_P_IPV6, DHCPV6_CLIENT);
	/*
	 * All other packets pass, except a first fragment whose headers continue in the next one, where the rules above
	 * could not see them.
	 */
	rules_pass_ipv6(&guard->rules);
	rules_pass_later6(&guard->rules);
}

static void guard_free(struct guard *guard)
{
	rules_free(&guard->rules);
	filter_free(&guard->filter);
}
#define scoped_guard __attribute__((cleanup(guard_free)))

static void check_sources(struct guard *guard, const struct lease *lease)
{
	guard->rules.chain = NFT_INGRESS;
	check_frame(guard);
	check_arp(guard, &lease->address);
	check_ipv4(guard, &lease->address);
	check_ipv6(guard);
	rules_add(&guard->rules, NFT_DROP);
}

static void name_guard(const struct network *network, const char *name, struct guard *guard)
{
	*guard = (struct guard){ 0 };
	port_ifname(network, name, guard->ifname);
	snprintf(guard->name, sizeof guard->name, "berth-%s", guard->ifname);
	guard->table = (struct nft_table){ .name = guard->name,
					   .device = guard->ifname,
					   .mark = guard->mark };
}

static void set_own6(struct guard *guard, const struct lease *lease)
{
	struct in6_addr local = port_link_local(guard->mac);

	guard->has_ipv6 = lease->prefix6 != 0;
	guard->any_ipv4 = lease->foreign && lease->prefix == 0;
	guard->any_ipv6 = lease->foreign && lease->prefix6 == 0;
	memcpy(guard->own6[0], &lease->address6, sizeof guard->own6[0]);
	memcpy(guard->own6[1], &local, sizeof guard->own6[1]);
	memcpy(guard->id, local.s6_addr + 8, sizeof guard->id);
}

/* A part of every rule: rules of another version, or for other addresses, are then recognized as foreign. */
static int set_mark(struct guard *guard, const struct lease *lease, bool guarded)
{
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN] = "";
	scoped_text struct text identity = { 0 };

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	if (lease->prefix6)
		inet_ntop(AF_INET6, &lease->address6, address6, sizeof address6);
	text_add(&identity, "4 %s %s %s%s%s", lease->mac, address, address6,
		 guard->any_ipv6 ? "any" : "", guarded ? "" : " unguarded");
	filter_identify(&guard->filter, &identity);
	snprintf(guard->mark, sizeof guard->mark, "berth guard %016llx",
		 (unsigned long long)text_hash(text_str(&identity)));
	return identity.failed ? -ENOMEM : 0;
}

static int fill_guard(const struct network *network, const struct lease *lease,
		      const struct port_rules *wanted, struct guard *guard)
{
	name_guard(network, lease->name, guard);
	int r = port_parse_mac(lease->mac, guard->mac);
	if (r == 0)
		r = filter_read(network, lease, wanted->list, &guard->filter);
	if (r < 0)
		return r;
	set_own6(guard, lease);
	r = set_mark(guard, lease, wanted->guarded);
	if (wanted->guarded)
		check_sources(guard, lease);
	filter_add(network, &guard->filter, &guard->rules);
	guard->table.rules = guard->rules.list;
	guard->table.count = guard->rules.count;
	guard->table.tracked = guard->filter.count > 0;
	return guard->rules.failed ? -ENOMEM : r;
}

static int tell(const struct network *network, const struct lease *lease, const struct guard *guard,
		int r, struct err *err)
{
	if (r == -EOPNOTSUPP && guard->filter.count > 0)
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel cannot filter the packets of '%s' by rules "
			"(nf_tables with family netdev and its egress hook, Linux 5.16); use "
			"another kernel, or remove its rules; see: berth rule list %s",
			network->name, lease->name, lease->name);
	if (r == -EOPNOTSUPP)
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel cannot keep '%s' from using other "
			"machines' addresses (nf_tables with family netdev); load it, or let "
			"it: berth set %s security.spoofing=yes",
			network->name, lease->name, lease->name);
	return err_set(err, -r, "network '%s': firewall table '%s': %s", network->name, guard->name,
		       nft_why(r));
}

static int tell_inside(const struct network *network, const struct lease *lease,
		       const struct filter *filter, struct err *err)
{
	return err_set(
		err, EINVAL,
		"rule '%s' cannot be for nic '%s' of machine '%s': network '%s' is of kind %s, "
		"whose machines have no ports on the host; remove it, or make it for another "
		"nic",
		filter_first(filter), lease->link, lease->name, network->name,
		network->config.kind);
}

static char *peers_path(const struct network *network)
{
	return dirs_run_path(network->dirs, "networks/%s/peers", network->name);
}

bool guard_has_peers(const struct network *network)
{
	scoped_free char *path = peers_path(network);

	return !path || access(path, F_OK) == 0;
}

/* A machine that gets its lease later looks for this mark. */
static int mark_peers(const struct network *network, const struct guard *guard)
{
	if (!filter_has_peers(&guard->filter))
		return 0;
	scoped_free char *path = peers_path(network);
	scoped_fd int fd =
		path ? open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600) : -1;
	return !path ? -ENOMEM : fd < 0 ? -errno : 0;
}

int guard_port(const struct network *network, const struct lease *lease,
	       const struct port_rules *wanted, struct err *err)
{
	scoped_guard struct guard guard = { 0 };
	int r = fill_guard(network, lease, wanted, &guard);

	if (r == -EINVAL)
		return err_set(err, EINVAL, "network '%s': '%s' is not a MAC address",
			       network->name, lease->mac);
	/* There is no port on the host whose frames could be looked at. */
	if (r == 0 && config_is_inside(&network->config))
		return guard.filter.count ? tell_inside(network, lease, &guard.filter, err) : 0;
	if (r == 0 && guard.table.count == 0)
		return 0;
	if (r == 0)
		r = mark_peers(network, &guard);
	if (r == 0)
		r = nft_replace(&guard.table);
	return r < 0 ? tell(network, lease, &guard, r, err) : 0;
}

static bool is_gone(const struct guard *guard)
{
	return if_nametoindex(guard->ifname) == 0 && errno == ENODEV;
}

int guard_is_current(const struct network *network, const struct lease *lease,
		     const struct port_rules *wanted)
{
	scoped_guard struct guard guard = { 0 };
	int r = fill_guard(network, lease, wanted, &guard);

	if (r < 0 || config_is_inside(&network->config))
		return r < 0 ? r : guard.filter.count == 0;
	return is_gone(&guard) ? -ENODEV : nft_is_current(&guard.table);
}

bool guard_is_outdated(const struct network *network, const struct lease *lease,
		       const struct port_rules *wanted)
{
	scoped_guard struct guard guard = { 0 };

	return fill_guard(network, lease, wanted, &guard) == 0 && nft_is_other(&guard.table) == 1;
}

int guard_renew(const struct network *network, const struct lease *lease,
		const struct port_rules *wanted, struct err *err)
{
	struct guard guard;
	struct err why = { 0 };

	int r = guard_port(network, lease, wanted, &why);
	if (config_is_inside(&network->config)) {
		*err = why;
		return r;
	}
	name_guard(network, lease->name, &guard);
	bool none = !wanted->guarded && !wanted->list && !network->config.rules;
	/* The process that ended it may have looked for rules before these existed. */
	if (none || is_gone(&guard))
		return guard_remove(network, lease->name, err);
	if (r < 0)
		*err = why;
	return r;
}

int guard_dropped(const struct network *network, const char *name, uint64_t *packets)
{
	struct guard guard;

	name_guard(network, name, &guard);
	return nft_count(&guard.table, NFT_INGRESS, packets);
}

int guard_count_rules(const struct network *network, const struct lease *lease,
		      const struct port_rules *wanted, struct guard_count *counts, size_t room)
{
	scoped_guard struct guard guard = { 0 };
	int r = fill_guard(network, lease, wanted, &guard);
	scoped_free uint64_t *packets =
		r < 0 ? NULL : calloc(guard.table.count + 1, sizeof *packets);

	if (r < 0 || !packets)
		return r < 0 ? r : -ENOMEM;
	r = nft_count_each(&guard.table, packets);
	for (size_t i = 0; r > 0 && i < guard.table.count; i++) {
		for (size_t n = 0; n < room; n++) {
			if (guard.rules.list[i].chain != NFT_INGRESS &&
			    guard.rules.owners[i] == counts[n].section)
				counts[n].dropped += packets[i];
		}
	}
	return r;
}

int guard_remove(const struct network *network, const char *name, struct err *err)
{
	struct guard guard;

	name_guard(network, name, &guard);
	int r = nft_remove(&guard.table);
	return r < 0 ? err_set(err, -r, "network '%s': firewall table '%s': %s", network->name,
			       guard.name, nft_why(r))
		     : 0;
}
