/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/filter_pass.h"

#include <net/ethernet.h>
#include <string.h>

enum {
	IPV4_OFFSET = 6, /* RFC 791: flags and offset of a fragment */
	TCP_FLAGS = 13,
	ECHO_REPLY = 0,    /* RFC 792 */
	ECHO6_REPLY = 129, /* RFC 4443 */
	REPORT2 = 143,     /* RFC 3810 */
	ADDRESS4 = 32,
	ADDRESS6 = 128,
	LINK_LOCAL = 10,
};

struct types {
	unsigned first, last;
};

void filter_want_flags(struct nft_rule *rule, unsigned char mask, unsigned char flags,
		       bool inverted)
{
	rules_want_number(rule, NFT_FIELD_TRANSPORT, IPPROTO_TCP);
	rules_want(rule, NFT_FIELD_SEGMENT, TCP_FLAGS, &flags, 1, inverted)->mask[0] = mask;
}

static void pass_types(struct rules *rules, bool ipv6, struct types types)
{
	struct nft_rule *rule = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));

	rules_want_number(rule, NFT_FIELD_TRANSPORT, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	rules_want_number(rule, NFT_FIELD_ICMP, types.first)->last = types.last;
}

/* The first fragment was judged, and without it the others are nothing. */
static void pass_later(struct rules *rules)
{
	static const unsigned char mask[2] = { 0x1f, 0xff }, zero[2];
	struct nft_rule *later = rules_add_for(rules, NFT_ACCEPT, ETH_P_IP);

	memcpy(rules_want(later, NFT_FIELD_PACKET, IPV4_OFFSET, zero, 2, true)->mask, mask,
	       sizeof mask);
	rules_pass_later6(rules);
}

static struct nft_rule *pass_dhcp(struct rules *rules, bool ipv6, const unsigned char ports[4])
{
	struct nft_rule *rule = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));

	rules_want_segment(rule, IPPROTO_UDP, 0, ports, 4, false);
	return rule;
}

static void want_address6(struct nft_rule *rule, enum nft_field field, const char *bytes,
			  unsigned prefix)
{
	rules_want(rule, field, 0, bytes, 16, false)->prefix = prefix;
}

static void want_address(struct nft_rule *rule, enum nft_field field, in_addr_t address)
{
	struct nft_match *match = rules_want_number(rule, field, 0);

	match->network.s_addr = address;
	match->prefix = ADDRESS4;
}

/* Ports of the DHCP: the one of the server, and the one of the client. */
static void pass_dhcp_in(const struct network *network, struct rules *rules)
{
	static const unsigned char four[] = { 0, 67, 0, 68 }, six[] = { 2, 35, 2, 34 };
	static const char local[16] = "\xfe\x80";
	struct nft_rule *rule = pass_dhcp(rules, false, four);

	if (config_is_own(&network->config))
		want_address(rule, NFT_FIELD_FROM, network->gateway.s_addr);
	want_address6(pass_dhcp(rules, true, six), NFT_FIELD_FROM6, local, LINK_LOCAL);
}

/* A client whose server does not answer asks all of them. */
static void pass_dhcp_out(const struct network *network, struct rules *rules)
{
	static const unsigned char four[] = { 0, 68, 0, 67 }, six[] = { 2, 34, 2, 35 };
	static const char servers[16] = "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\x01\0\x02";

	want_address(pass_dhcp(rules, false, four), NFT_FIELD_TO, INADDR_BROADCAST);
	if (config_is_own(&network->config))
		want_address(pass_dhcp(rules, false, four), NFT_FIELD_TO, network->gateway.s_addr);
	want_address6(pass_dhcp(rules, true, six), NFT_FIELD_TO6, servers, ADDRESS6);
}

void filter_pass_needed(const struct network *network, bool in, struct rules *rules)
{
	/* Destination unreachable; time exceeded and a bad header. */
	static const struct types errors4[] = { { 3, 3 }, { 11, 12 } };
	/* Errors; multicast listeners, routers and neighbours, without redirects. */
	static const struct types needed6[] = { { 1, 4 }, { 130, 136 }, { REPORT2, REPORT2 } };

	rules_add_for(rules, NFT_ACCEPT, ETH_P_ARP);
	pass_later(rules);
	for (size_t i = 0; i < sizeof errors4 / sizeof *errors4; i++)
		pass_types(rules, false, errors4[i]);
	for (size_t i = 0; i < sizeof needed6 / sizeof *needed6; i++)
		pass_types(rules, true, needed6[i]);
	if (in)
		pass_dhcp_in(network, rules);
	else
		pass_dhcp_out(network, rules);
}

static void want_flow(struct nft_rule *rule, bool ipv6, enum nft_flows flows, unsigned seconds)
{
	rules_want_number(rule, NFT_FIELD_FLOW, 0)->flows = flows;
	rule->ipv6 = ipv6;
	if (seconds)
		rule->note = (struct nft_note){ flows, seconds, true, NFT_NO_FLOWS };
}

/*
 * Segments of an answer, as far as they can change how long its flow is remembered. Consent (SYN with ACK) and data
 * keep it; a bare acknowledgement changes nothing, because it may be the last packet of a connection. A segment that
 * opens a connection (SYN without ACK) is never an answer.
 */
static void pass_answers_tcp(struct rules *rules, bool ipv6, enum nft_flows flows)
{
	static const struct {
		unsigned char mask, flags;
		bool inverted;
		unsigned seconds;
	} kinds[] = {
		{ TCP_FIN | TCP_RST, 0, true, FLOW_OPENING },
		{ TCP_SYN | TCP_ACK, TCP_SYN | TCP_ACK, false, FLOW_OPEN },
		{ TCP_SYN | TCP_PSH, TCP_PSH, false, FLOW_OPEN },
		{ TCP_SYN, 0, false, 0 },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct nft_rule *rule = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));
		filter_want_flags(rule, kinds[i].mask, kinds[i].flags, kinds[i].inverted);
		if (i == 0)
			filter_want_flags(rule, TCP_SYN, 0, false);
		want_flow(rule, ipv6, flows, kinds[i].seconds);
	}
}

static void pass_answers_of(struct rules *rules, bool ipv6, enum nft_flows flows)
{
	unsigned reply = ipv6 ? ECHO6_REPLY : ECHO_REPLY;

	pass_answers_tcp(rules, ipv6, flows);
	struct nft_rule *udp = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));
	rules_want_number(udp, NFT_FIELD_TRANSPORT, IPPROTO_UDP);
	want_flow(udp, ipv6, flows, FLOW_DATAGRAMS);
	struct nft_rule *echo = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));
	rules_want_number(echo, NFT_FIELD_TRANSPORT, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	rules_want_number(echo, NFT_FIELD_ICMP, reply);
	want_flow(echo, ipv6, flows, 0);
	echo->echo = true;
}

void filter_pass_answers(bool in, struct rules *rules)
{
	enum nft_flows flows = in ? NFT_OPENED_OUT : NFT_OPENED_IN;

	pass_answers_of(rules, false, flows);
	pass_answers_of(rules, true, flows);
}

void filter_pass_allowed(bool in, struct rules *rules)
{
	enum nft_flows flows = in ? NFT_ALLOWED_IN : NFT_ALLOWED_OUT;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct nft_rule *tcp = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));
		filter_want_flags(tcp, TCP_FIN | TCP_SYN | TCP_RST, 0, false);
		want_flow(tcp, ipv6, flows, 0);
		struct nft_rule *udp = rules_add_for(rules, NFT_ACCEPT, rules_ethertype(ipv6));
		rules_want_number(udp, NFT_FIELD_TRANSPORT, IPPROTO_UDP);
		want_flow(udp, ipv6, flows, 0);
		udp->note = (struct nft_note){ in ? NFT_OPENED_IN : NFT_OPENED_OUT, FLOW_DATAGRAMS,
					       true, NFT_NO_FLOWS };
	}
}

void filter_note_ends(bool in, struct rules *rules)
{
	enum nft_flows flows = in ? NFT_OPENED_IN : NFT_OPENED_OUT;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct nft_rule *rule = rules_add_for(rules, NFT_GO_ON, rules_ethertype(ipv6));
		filter_want_flags(rule, TCP_FIN | TCP_RST, 0, true);
		want_flow(rule, ipv6, flows, FLOW_OPENING);
	}
}
