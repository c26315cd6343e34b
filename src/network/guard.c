#include "network/guard.h"

#include "kern/nft.h"
#include "network/bridge.h"

#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

enum {
	MAC = 6,
	RULES = 20,
	IPV6_SOURCE = 8, /* RFC 8200; its last 8 bytes tell the machine, those before the network */
	ICMP6_TARGET = 8,
	DHCP_SERVER = 67,
	DHCPV6_SERVER = 547,
	ROUTER_ADVERTISEMENT = 134, /* RFC 4861, and so are the next three */
	NEIGHBOUR_SOLICITATION = 135,
	NEIGHBOUR_ADVERTISEMENT = 136,
	REDIRECT = 137,
};

struct guard {
	char ifname[IFNAMSIZ];
	char name[32];
	unsigned char mac[MAC];
	unsigned char id[8]; /* made of the hardware address, RFC 4291, appendix A */
	struct nft_rule rules[RULES];
	struct nft_table table;
};

static const unsigned char nowhere[16];

static struct nft_rule *add(struct guard *guard, enum nft_verdict verdict)
{
	struct nft_rule *rule = &guard->rules[guard->table.count++];

	*rule = (struct nft_rule){ .verdict = verdict };
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

/* Drops packets of a protocol whose bytes there are neither of the two. */
static void drop_others(struct guard *guard, unsigned protocol, unsigned offset, const void *one,
			const void *other, unsigned length)
{
	struct nft_rule *rule = add(guard, NFT_DROP);

	want_number(rule, NFT_FIELD_PROTOCOL, protocol);
	want(rule, NFT_FIELD_PACKET, offset, one, length, true);
	if (other)
		want(rule, NFT_FIELD_PACKET, offset, other, length, true);
}

/* Drops what a server would answer from its port. */
static void drop_port(struct guard *guard, unsigned protocol, unsigned port)
{
	const unsigned char bytes[2] = { (unsigned char)(port >> 8), (unsigned char)port };
	struct nft_rule *rule = add(guard, NFT_DROP);

	want_number(rule, NFT_FIELD_PROTOCOL, protocol);
	want_number(rule, NFT_FIELD_TRANSPORT, IPPROTO_UDP);
	want(rule, NFT_FIELD_SEGMENT, 0, bytes, sizeof bytes, false);
}

static struct nft_rule *drop_icmp6(struct guard *guard, unsigned char type)
{
	struct nft_rule *rule = add(guard, NFT_DROP);

	want_number(rule, NFT_FIELD_PROTOCOL, ETH_P_IPV6);
	want_number(rule, NFT_FIELD_TRANSPORT, IPPROTO_ICMPV6);
	want(rule, NFT_FIELD_SEGMENT, 0, &type, 1, false);
	return rule;
}

/* Of a neighbour message, which claims an address or asks whether it is free. */
static void want_other_target(const struct guard *guard, struct nft_rule *rule)
{
	want(rule, NFT_FIELD_SEGMENT, ICMP6_TARGET + 8, guard->id, sizeof guard->id, true);
}

/*
 * Whatever prefix a router has announced: the machine's own part of the address counts. From nowhere
 * comes who asks whether an address is free, and he might keep others from having theirs.
 */
static void drop_other_ipv6(struct guard *guard)
{
	struct nft_rule *source = add(guard, NFT_DROP);

	want_number(source, NFT_FIELD_PROTOCOL, ETH_P_IPV6);
	want(source, NFT_FIELD_PACKET, IPV6_SOURCE + 8, guard->id, sizeof guard->id, true);
	want(source, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, true);
	want_other_target(guard, drop_icmp6(guard, NEIGHBOUR_ADVERTISEMENT));
	struct nft_rule *question = drop_icmp6(guard, NEIGHBOUR_SOLICITATION);
	want(question, NFT_FIELD_PACKET, IPV6_SOURCE, nowhere, sizeof nowhere, false);
	want_other_target(guard, question);
}

/* To a neighbour by way of the host, which would route it back to the bridge, past its port's wall. */
static void drop_detours(struct guard *guard, const struct network *network)
{
	unsigned char host[MAC];
	struct nft_rule *rule = add(guard, NFT_DROP);

	bridge_mac(network, host);
	want(rule, NFT_FIELD_FRAME, 0, host, MAC, false);
	want_number(rule, NFT_FIELD_PROTOCOL, ETH_P_IP);
	rule->match[rule->matches++] = (struct nft_match){ .field = NFT_FIELD_TO,
							   .network = network->gateway,
							   .prefix = network->prefix };
	want(rule, NFT_FIELD_PACKET, 16, &network->gateway, 4, true);
}

static void pass(struct guard *guard, unsigned protocol)
{
	want_number(add(guard, NFT_ACCEPT), NFT_FIELD_PROTOCOL, protocol);
}

static void fill_rules(struct guard *guard, const struct network *network,
		       const struct lease *lease)
{
	/* Also of frames with a tag for a virtual LAN, which are none of the protocols below. */
	want(add(guard, NFT_DROP), NFT_FIELD_FRAME, MAC, guard->mac, MAC, true);
	/* RFC 826: sender's hardware address at 8, its address at 14, which a probe leaves empty. */
	drop_others(guard, ETH_P_ARP, 8, guard->mac, NULL, MAC);
	drop_others(guard, ETH_P_ARP, 14, &lease->address, nowhere, 4);
	pass(guard, ETH_P_ARP);
	if (lease->isolated)
		drop_detours(guard, network);
	/* Without an address yet, as a DHCP client. */
	drop_others(guard, ETH_P_IP, 12, &lease->address, nowhere, 4);
	drop_port(guard, ETH_P_IP, DHCP_SERVER);
	pass(guard, ETH_P_IP);
	drop_other_ipv6(guard);
	drop_port(guard, ETH_P_IPV6, DHCPV6_SERVER);
	drop_icmp6(guard, ROUTER_ADVERTISEMENT);
	drop_icmp6(guard, REDIRECT);
	pass(guard, ETH_P_IPV6);
	add(guard, NFT_DROP);
}

static void name_guard(const struct network *network, const char *name, struct guard *guard)
{
	*guard = (struct guard){ 0 };
	port_ifname(network, name, guard->ifname);
	snprintf(guard->name, sizeof guard->name, "berth-%s", guard->ifname);
	guard->table = (struct nft_table){ .name = guard->name,
					   .device = guard->ifname,
					   .mark = "berth guard",
					   .rules = guard->rules };
}

static void set_id(struct guard *guard)
{
	const unsigned char *mac = guard->mac;
	const unsigned char id[8] = {
		mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]
	};

	memcpy(guard->id, id, sizeof id);
}

static int fill_guard(const struct network *network, const struct lease *lease, struct guard *guard)
{
	name_guard(network, lease->name, guard);
	int r = port_parse_mac(lease->mac, guard->mac);
	if (r < 0)
		return r;
	set_id(guard);
	fill_rules(guard, network, lease);
	return 0;
}

int guard_port(const struct network *network, const struct lease *lease, struct err *err)
{
	struct guard guard;
	int r = fill_guard(network, lease, &guard);

	if (r < 0)
		return err_set(err, EINVAL, "network '%s': '%s' is no MAC address", network->name,
			       lease->mac);
	r = nft_replace(&guard.table);
	if (r == -EOPNOTSUPP)
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel cannot keep '%s' from using other "
			"machines' addresses (nf_tables with family netdev); load it, or let "
			"it: berth set %s security.spoofing=yes",
			network->name, lease->name, lease->name);
	return r < 0 ? err_set(err, -r, "network '%s': firewall table '%s': %s", network->name,
			       guard.name, strerror(-r))
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
	/* Who ended it may have looked for rules before these were there. */
	if (is_gone(&guard))
		return guard_remove(network, lease->name, err);
	if (r < 0)
		*err = why;
	return r;
}

int guard_remove(const struct network *network, const char *name, struct err *err)
{
	struct guard guard;

	name_guard(network, name, &guard);
	int r = nft_remove(&guard.table);
	return r < 0 ? err_set(err, -r, "network '%s': firewall table '%s': %s", network->name,
			       guard.name, strerror(-r))
		     : 0;
}
