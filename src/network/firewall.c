/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/firewall.h"

#include "base/text.h"
#include "kern/nft.h"
#include "network/host6.h"
#include "network/link_names.h"
#include "network/subnet6.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * One table for each network, named after its bridge, which is unique on the host: a network then needs neither the
 * settings of another nor a global lock to rebuild its rules. Forwarded packets get no "accept": in nftables an accept
 * only ends its own chain, and a drop in any chain is final. If another program drops them (Docker, a firewall), only a
 * rule in its chain helps; network_status names that chain.
 */
struct ruleset {
	char name[32];
	char mark[32];
	struct nft_rule rules[10];
	struct nft_table table;
};

static struct nft_rule masquerade(const struct network *network, struct in_addr subnet)
{
	return (struct nft_rule){
		.matches = 3,
		.match = {
			{ .field = NFT_FIELD_FROM, .network = subnet, .prefix = network->prefix },
			{ .field = NFT_FIELD_TO, .network = subnet, .prefix = network->prefix,
			  .inverted = true },
			{ .field = NFT_FIELD_OUT, .link = network->config.bridge, .inverted = true },
		},
	};
}

/* Masquerading of IPv6, for a network that has a prefix. */
static struct nft_rule masquerade6(const struct network *network)
{
	struct subnet6 subnet = { 0 };
	struct nft_rule rule = {
		.ipv6 = true,
		.matches = 3,
		.match = { { .field = NFT_FIELD_FROM6, .prefix = network->prefix6 },
			   { .field = NFT_FIELD_TO6, .prefix = network->prefix6, .inverted = true },
			   { .field = NFT_FIELD_OUT,
			     .link = network->config.bridge,
			     .inverted = true } },
	};

	subnet6_parse(network->config.subnet6, &subnet);
	memcpy(rule.match[0].bytes, &subnet.network, sizeof subnet.network);
	memcpy(rule.match[1].bytes, &subnet.network, sizeof subnet.network);
	return rule;
}

/*
 * Packets that a machine sends to another through the host, which would route them back to the bridge: past the
 * isolation of ports, and, for unused addresses, into the host's neighbour table. They are recognized by the bridge's
 * hardware address, which all ports have: where br_netfilter shows bridged packets to this chain, those have another
 * one.
 */
static struct nft_rule drop_detours(const struct network *network, bool tracked)
{
	struct nft_rule rule = {
		.chain = NFT_FORWARD,
		.matches = 3,
		.match = {
			{ .field = NFT_FIELD_IN, .link = network->config.bridge },
			{ .field = NFT_FIELD_OUT, .link = network->config.bridge },
			{ .field = NFT_FIELD_FRAME, .offset = 0, .length = LINK_MAC },
		},
		.verdict = NFT_DROP,
	};

	bridge_mac(network, rule.match[2].bytes);
	/* A connection to a port that the host forwards (forward.c) comes back by intention. */
	if (tracked)
		rule.match[rule.matches++] =
			(struct nft_match){ .field = NFT_FIELD_TRANSLATED, .inverted = true };
	return rule;
}

/*
 * dnsmasq has a process for each TCP connection, at most 20, and each waits two and a half minutes for a query. The
 * rule counts by hardware address, which the guard of a port (guard.c) fixes.
 */
static struct nft_rule bound_dns(const struct network *network)
{
	enum { MOST = 4, TCP_TO = 2, DNS = 53 };

	return (struct nft_rule){
		.chain = NFT_INPUT,
		.matches = 3,
		.match = {
			{ .field = NFT_FIELD_IN, .link = network->config.bridge },
			{ .field = NFT_FIELD_TRANSPORT, .number = IPPROTO_TCP },
			{ .field = NFT_FIELD_SEGMENT, .offset = TCP_TO, .length = 2,
			  .bytes = { 0, DNS } },
		},
		.connections = MOST,
		.verdict = NFT_DROP,
	};
}

static struct nft_match link_match(enum nft_field field, const struct network *network,
				   bool inverted)
{
	return (struct nft_match){ .field = field,
				   .link = network->config.bridge,
				   .inverted = inverted };
}

static struct nft_match transport(unsigned number, bool inverted)
{
	return (struct nft_match){ .field = NFT_FIELD_TRANSPORT,
				   .number = number,
				   .inverted = inverted };
}

static struct nft_match other_port(unsigned port)
{
	return (struct nft_match){
		.field = NFT_FIELD_PORT, .number = port, .last = port, .inverted = true
	};
}

/* Machines ask for the router and for its hardware address (RFC 4861), and answer when the host asks for theirs. */
static void let_neighbours_pass(const struct network *network, struct nft_rule *rules)
{
	/* Router solicitation, neighbour solicitation and advertisement. */
	static const unsigned char types[] = { 133, 135, 136 };
	struct nft_rule other = { .chain = NFT_INPUT,
				  .matches = 2,
				  .match = { link_match(NFT_FIELD_IN, network, false),
					     transport(IPPROTO_ICMPV6, false) },
				  .verdict = NFT_DROP };

	rules[0].match[rules[0].matches++] = transport(IPPROTO_ICMPV6, true);
	for (size_t i = 0; i < sizeof types; i++)
		other.match[other.matches++] = (struct nft_match){ .field = NFT_FIELD_SEGMENT,
								   .length = 1,
								   .bytes = { types[i] },
								   .inverted = true };
	rules[1] = other;
}

/* A private network: its machines reach no other link through the host, and of the host DNS and DHCP only. */
static size_t shut(const struct network *network, struct nft_rule *rules)
{
	enum { DNS = 53, DHCP = 67, DHCPV6 = 547 };
	struct nft_match in = link_match(NFT_FIELD_IN, network, false);

	rules[0] = (struct nft_rule){ .chain = NFT_FORWARD,
				      .matches = 2,
				      .match = { in, link_match(NFT_FIELD_OUT, network, true) } };
	rules[1] = (struct nft_rule){ .chain = NFT_FORWARD,
				      .matches = 2,
				      .match = { link_match(NFT_FIELD_OUT, network, false),
						 link_match(NFT_FIELD_IN, network, true) } };
	rules[2] = (struct nft_rule){ .chain = NFT_INPUT,
				      .matches = 4,
				      .match = { in, transport(IPPROTO_UDP, false), other_port(DNS),
						 other_port(DHCP) } };
	rules[3] = (struct nft_rule){ .chain = NFT_INPUT,
				      .matches = 3,
				      .match = { in, transport(IPPROTO_TCP, false),
						 other_port(DNS) } };
	rules[4] = (struct nft_rule){ .chain = NFT_INPUT,
				      .matches = 3,
				      .match = { in, transport(IPPROTO_UDP, true),
						 transport(IPPROTO_TCP, true) } };
	for (size_t i = 0; i < 5; i++)
		rules[i].verdict = NFT_DROP;
	if (!network->prefix6)
		return 5;
	rules[2].match[rules[2].matches++] = other_port(DHCPV6);
	let_neighbours_pass(network, rules + 4);
	return 6;
}

/* bounded: with the rule that makes the kernel track connections. */
static void fill_ruleset(const struct network *network, bool bounded, struct ruleset *ruleset)
{
	struct in_addr subnet = { network->gateway.s_addr &
				  htonl(UINT32_MAX << (32 - network->prefix)) };
	char identity[192];

	*ruleset = (struct ruleset){ 0 };
	snprintf(ruleset->name, sizeof ruleset->name, "berth-%s", network->config.bridge);
	/* A part of every rule: rules of another version or of another subnet are then recognized as foreign. */
	snprintf(identity, sizeof identity, "7%s%s %s %s %08x/%u %s %d%d",
		 bounded ? "" : " unbounded", network->prefix6 ? " DHCPv6" : "",
		 network->config.kind, network->config.bridge, subnet.s_addr, network->prefix,
		 network->prefix6 ? network->config.subnet6 : "none", network->config.nat,
		 network->config.nat6);
	snprintf(ruleset->mark, sizeof ruleset->mark, "berth %016llx",
		 (unsigned long long)text_hash(identity));
	size_t count = 0;
	ruleset->rules[count++] = drop_detours(network, bounded);
	if (config_is_private(&network->config))
		count += shut(network, ruleset->rules + count);
	if (config_masquerades(&network->config))
		ruleset->rules[count++] = masquerade(network, subnet);
	if (network_masquerades6(network))
		ruleset->rules[count++] = masquerade6(network);
	if (network->config.dhcp && bounded)
		ruleset->rules[count++] = bound_dns(network);
	ruleset->table = (struct nft_table){ .name = ruleset->name,
					     .mark = ruleset->mark,
					     .rules = ruleset->rules,
					     .count = count };
}

static int tell(const struct network *network, const char *name, int r, struct err *err)
{
	if (r == -EOPNOTSUPP && config_is_private(&network->config))
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel has no nf_tables, without which it cannot be "
			"private; load nf_tables, or choose another kind: berth network set %s "
			"kind=bridge",
			network->name, network->name);
	if (r == -EOPNOTSUPP)
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel has no nf_tables with masquerading (nft_masq); "
			"load it, or do without: berth network set %s nat=no nat6=no",
			network->name, network->name);
	return err_set(err, -r, "network '%s': firewall table '%s': %s", network->name, name,
		       nft_why(r));
}

static int is_current(const struct network *network, bool bounded)
{
	struct ruleset ruleset;

	fill_ruleset(network, bounded, &ruleset);
	return nft_is_current(&ruleset.table);
}

int firewall_is_current(const struct network *network)
{
	int r = is_current(network, true);

	return r == 0 ? is_current(network, false) : r;
}

int firewall_update(const struct network *network, bool *bounded, struct err *err)
{
	struct ruleset ruleset;

	fill_ruleset(network, true, &ruleset);
	int r = nft_replace(&ruleset.table);
	*bounded = r == 0;
	if (r == -EOPNOTSUPP && network->config.dhcp) {
		fill_ruleset(network, false, &ruleset);
		r = nft_replace(&ruleset.table);
	}
	/* A failure here shows in the guards of the ports, if they are wanted. */
	if (r == -EOPNOTSUPP && !network->config.nat && !network_masquerades6(network) &&
	    !config_is_private(&network->config))
		return 0;
	return r < 0 ? tell(network, ruleset.name, r, err) : 0;
}

int firewall_remove(const struct network *network, struct err *err)
{
	struct ruleset ruleset;

	fill_ruleset(network, true, &ruleset);
	int r = nft_remove(&ruleset.table);
	return r < 0 ? tell(network, ruleset.name, r, err) : 0;
}
