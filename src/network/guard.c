/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/guard.h"

#include "base/text.h"
#include "kern/nft.h"
#include "network/link_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

enum {
	MAC = 6,
	RULES = 32,
	OWN_IPV6 = 2, /* IPv6 addresses that a machine has */
	FRAME_TYPE = 12,
	ARP_HARDWARE = 8,
	ARP_SENDER = 14,
	ARP_TARGET = 24,
	IPV4_PROTOCOL = 9,
	IPV4_SOURCE = 12,
	IPV6_NEXT = 6,
	IPV6_OFFSET = 42, /* of a fragment, upper half */
	IPV6_SOURCE = 8,  /* RFC 8200; its last 8 bytes are the machine's part */
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
	struct nft_rule rules[RULES];
	struct nft_table table;
};

static const unsigned char nowhere[16];

static struct nft_rule *add(struct guard *guard, enum nft_verdict verdict)
{
	struct nft_rule *rule = &guard->rules[guard->table.count++];

	*rule = (struct nft_rule){ .verdict = verdict, .counted = verdict == NFT_DROP };
	return rule;
}

static void want_number(struct nft_rule *rule, enum nft_field field, unsigned number)
{
	rule->match[rule->matches++] = (struct nft_match){ .field = field, .number = number };
}

static void want(struct nft_rule *rule, enum nft_field field, unsigned offset, const void *bytes,
		 unsigned length, bool inverted)
{
	struct nft_match *match = &rule->match[rule->matches++];

	*match = (struct nft_match){
		.field = field, .inverted = inverted, .offset = offset, .length = length
	};
	memcpy(match->bytes, bytes, length);
}

static void want_segment(struct nft_rule *rule, unsigned transport, unsigned offset,
			 const void *bytes, unsigned length, bool inverted)
{
	want_number(rule, NFT_FIELD_TRANSPORT, transport);
	want(rule, NFT_FIELD_SEGMENT, offset, bytes, length, inverted);
}

static struct nft_rule *add_for(struct guard *guard, enum nft_verdict verdict, unsigned protocol)
{
	struct nft_rule *rule = add(guard, verdict);

	want_number(rule, NFT_FIELD_PROTOCOL, protocol);
	return rule;
}

/* Destination ports of DHCP clients, whatever the source port is. */
static void drop_to_port(struct guard *guard, unsigned protocol, unsigned port)
{
	const unsigned char bytes[2] = { (unsigned char)(port >> 8), (unsigned char)port };

	want_segment(add_for(guard, NFT_DROP, protocol), IPPROTO_UDP, UDP_TO, bytes, sizeof bytes,
		     false);
}

/* The rule applies only if the transport is known; 255 stands for none. */
static struct nft_rule *pass_known(struct guard *guard, unsigned protocol)
{
	struct nft_rule *rule = add_for(guard, NFT_ACCEPT, protocol);

	want_number(rule, NFT_FIELD_TRANSPORT, 255);
	rule->match[1].inverted = true;
	return rule;
}

/*
 * All other packets pass, except a first fragment whose headers continue in the next one, where the rules above could
 * not see them. A packet passes if it has a first byte of its transport, 0 or not, or is a later fragment, which begins
 * after the first 256 bytes.
 */
static void pass_ipv6(struct guard *guard)
{
	static const unsigned char fragment = IPPROTO_FRAGMENT;

	for (int zero = 0; zero < 2; zero++)
		want(pass_known(guard, ETH_P_IPV6), NFT_FIELD_SEGMENT, 0, nowhere, 1, !zero);
	struct nft_rule *later = pass_known(guard, ETH_P_IPV6);
	want(later, NFT_FIELD_PACKET, IPV6_NEXT, &fragment, 1, false);
	want(later, NFT_FIELD_PACKET, IPV6_OFFSET, nowhere, 1, true);
}

/* The kernel has already removed a VLAN tag; the frame's own type shows it. */
static void check_frame(struct guard *guard)
{
	static const unsigned char types[][2] = { { 8, 0 }, { 8, 6 }, { 0x86, 0xdd } };

	want(add(guard, NFT_DROP), NFT_FIELD_FRAME, MAC, guard->mac, MAC, true);
	struct nft_rule *type = add(guard, NFT_DROP);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		want(type, NFT_FIELD_FRAME, FRAME_TYPE, types[i], 2, true);
}

/* RFC 826. A probe (RFC 5227) has no source, asks whether an address is free, and so can take it from its owner. */
static void check_arp(struct guard *guard, const struct in_addr *address)
{
	static const unsigned char head[6] = { 0, 1, 8, 0, 6, 4 };

	want(add_for(guard, NFT_DROP, ETH_P_ARP), NFT_FIELD_PACKET, 0, head, sizeof head, true);
	want(add_for(guard, NFT_DROP, ETH_P_ARP), NFT_FIELD_PACKET, ARP_HARDWARE, guard->mac, MAC,
	     true);
	if (guard->any_ipv4) {
		add_for(guard, NFT_ACCEPT, ETH_P_ARP);
		return;
	}
	struct nft_rule *sender = add_for(guard, NFT_DROP, ETH_P_ARP);
	want(sender, NFT_FIELD_PACKET, ARP_SENDER, address, 4, true);
	want(sender, NFT_FIELD_PACKET, ARP_SENDER, nowhere, 4, true);
	struct nft_rule *probe = add_for(guard, NFT_DROP, ETH_P_ARP);
	want(probe, NFT_FIELD_PACKET, ARP_SENDER, nowhere, 4, false);
	want(probe, NFT_FIELD_PACKET, ARP_TARGET, address, 4, true);
	add_for(guard, NFT_ACCEPT, ETH_P_ARP);
}

/* A machine without an address may ask a DHCP server, and send nothing else. */
static void check_ipv4(struct guard *guard, const struct in_addr *address)
{
	static const unsigned char server[2] = { 0, DHCP_SERVER };
	static const unsigned char udp = IPPROTO_UDP;

	if (!guard->any_ipv4) {
		struct nft_rule *source = add_for(guard, NFT_DROP, ETH_P_IP);
		want(source, NFT_FIELD_PACKET, IPV4_SOURCE, address, 4, true);
		want(source, NFT_FIELD_PACKET, IPV4_SOURCE, nowhere, 4, true);
	}
	struct nft_rule *other = add_for(guard, NFT_DROP, ETH_P_IP);
	want(other, NFT_FIELD_PACKET, IPV4_SOURCE, nowhere, 4, false);
	want(other, NFT_FIELD_PACKET, IPV4_PROTOCOL, &udp, 1, true);
	struct nft_rule *dhcp = add_for(guard, NFT_DROP, ETH_P_IP);
	want(dhcp, NFT_FIELD_PACKET, IPV4_SOURCE, nowhere, 4, false);
	want_segment(dhcp, IPPROTO_UDP, UDP_TO, server, sizeof server, true);
	drop_to_port(guard, ETH_P_IP, DHCP_CLIENT);
	pass_known(guard, ETH_P_IP);
}

static void want_target(struct guard *guard, struct nft_rule *rule, const unsigned char *own)
{
	if (own)
		want(rule, NFT_FIELD_SEGMENT, ICMP6_TARGET, own, sizeof(struct in6_addr), false);
	else
		want(rule, NFT_FIELD_SEGMENT, ICMP6_TARGET + 8, guard->id, sizeof guard->id, false);
}

static struct nft_rule *add_neighbour(struct guard *guard, enum nft_verdict verdict,
				      unsigned char type, bool from_nowhere)
{
	struct nft_rule *rule = add_for(guard, verdict, ETH_P_IPV6);

	want_segment(rule, IPPROTO_ICMPV6, 0, &type, 1, false);
	if (from_nowhere)
		want(rule, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, false);
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
	want_segment(add_for(guard, NFT_DROP, ETH_P_IPV6), IPPROTO_ICMPV6, 0, &type, 1, false);
}

/*
 * On a network with IPv6, a machine has two addresses: that of its lease and the link-local one that is made from its
 * hardware address. A link-local address of another form cannot be told from those of others, so it is none of its own.
 * Without, any announced prefix is allowed: the machine's own part of the address counts. A packet without a source
 * asks whether an address is free, and could keep others from theirs.
 */
static void check_sources6(struct guard *guard)
{
	struct nft_rule *source = add_for(guard, NFT_DROP, ETH_P_IPV6);

	for (size_t i = 0; guard->has_ipv6 && i < OWN_IPV6; i++)
		want(source, NFT_FIELD_PACKET, IPV6_SOURCE, guard->own6[i], sizeof guard->own6[i],
		     true);
	if (!guard->has_ipv6)
		want(source, NFT_FIELD_PACKET, IPV6_SOURCE + 8, guard->id, sizeof guard->id, true);
	want(source, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, true);
	struct nft_rule *other = add_for(guard, NFT_DROP, ETH_P_IPV6);
	want(other, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, false);
	want_number(other, NFT_FIELD_TRANSPORT, IPPROTO_ICMPV6);
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
	pass_ipv6(guard);
}

static void fill_rules(struct guard *guard, const struct lease *lease)
{
	check_frame(guard);
	check_arp(guard, &lease->address);
	check_ipv4(guard, &lease->address);
	check_ipv6(guard);
	add(guard, NFT_DROP);
}

static void name_guard(const struct network *network, const char *name, struct guard *guard)
{
	*guard = (struct guard){ 0 };
	port_ifname(network, name, guard->ifname);
	snprintf(guard->name, sizeof guard->name, "berth-%s", guard->ifname);
	guard->table = (struct nft_table){ .name = guard->name,
					   .device = guard->ifname,
					   .mark = guard->mark,
					   .rules = guard->rules };
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
static void set_mark(struct guard *guard, const struct lease *lease)
{
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN] = "", identity[128];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	if (lease->prefix6)
		inet_ntop(AF_INET6, &lease->address6, address6, sizeof address6);
	snprintf(identity, sizeof identity, "4 %s %s %s%s", lease->mac, address, address6,
		 guard->any_ipv6 ? "any" : "");
	snprintf(guard->mark, sizeof guard->mark, "berth guard %016llx",
		 (unsigned long long)text_hash(identity));
}

static int fill_guard(const struct network *network, const struct lease *lease, struct guard *guard)
{
	name_guard(network, lease->name, guard);
	int r = port_parse_mac(lease->mac, guard->mac);
	if (r < 0)
		return r;
	set_own6(guard, lease);
	set_mark(guard, lease);
	fill_rules(guard, lease);
	return 0;
}

int guard_port(const struct network *network, const struct lease *lease, struct err *err)
{
	struct guard guard;

	/* There is no port on the host whose frames could be looked at. */
	if (config_is_inside(&network->config))
		return 0;
	int r = fill_guard(network, lease, &guard);
	if (r < 0)
		return err_set(err, EINVAL, "network '%s': '%s' is not a MAC address",
			       network->name, lease->mac);
	r = nft_replace(&guard.table);
	if (r == -EOPNOTSUPP)
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel cannot keep '%s' from using other "
			"machines' addresses (nf_tables with family netdev); load it, or let "
			"it: berth set %s security.spoofing=yes",
			network->name, lease->name, lease->name);
	return r < 0 ? err_set(err, -r, "network '%s': firewall table '%s': %s", network->name,
			       guard.name, nft_why(r))
		     : 0;
}

static bool is_gone(const struct guard *guard)
{
	return if_nametoindex(guard->ifname) == 0 && errno == ENODEV;
}

int guard_is_current(const struct network *network, const struct lease *lease)
{
	struct guard guard;
	int r = fill_guard(network, lease, &guard);

	if (r < 0)
		return r;
	return is_gone(&guard) ? -ENODEV : nft_is_current(&guard.table);
}

int guard_renew(const struct network *network, const struct lease *lease, struct err *err)
{
	struct guard guard;
	struct err why = { 0 };

	int r = guard_port(network, lease, &why);
	name_guard(network, lease->name, &guard);
	/* The process that ended it may have looked for rules before these existed. */
	if (is_gone(&guard))
		return guard_remove(network, lease->name, err);
	if (r < 0)
		*err = why;
	return r;
}

int guard_dropped(const struct network *network, const char *name, uint64_t *packets)
{
	struct guard guard;

	name_guard(network, name, &guard);
	return nft_count(&guard.table, packets);
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
