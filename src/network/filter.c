/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/filter.h"

#include "config/values.h"
#include "network/filter_pass.h"
#include "network/lease_file.h"
#include "network/link_names.h"

#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_TARGET = 0,
	FRAME_SOURCE = 6,
	ECHO = 8,    /* RFC 792 */
	ECHO6 = 128, /* RFC 4443 */
	PORT_MAX = 65535,
	TYPE_MAX = 255,
	LOG_ROOM = 112, /* nft's longest prefix is 127 bytes */
};

struct filter_rule {
	const struct section *section; /* borrowed */
	struct rule rule;
	bool found; /* the machine that is the peer has a lease here */
	struct lease peer;
	unsigned char mac[LINK_MAC];
	char log[LOG_ROOM];
};

/* ---- Reading */

static void find_peer(const struct network *network, struct filter_rule *rule)
{
	rule->found = lease_file_find(network, rule->rule.machine, &rule->peer) == 0 &&
		      port_parse_mac(rule->peer.mac, rule->mac) == 0;
}

static int add_rule(const struct network *network, const struct lease *lease,
		    const struct section *section, struct filter *filter)
{
	struct filter_rule rule = { .section = section };
	struct err unsaid = { 0 };

	if (config_rule((const struct rule_config *)section, &rule.rule, &unsaid) < 0)
		return -unsaid.code;
	if (*rule.rule.nic && strcmp(rule.rule.nic, lease->link) != 0)
		return 0;
	if (rule.rule.machine)
		find_peer(network, &rule);
	if (rule.rule.log)
		snprintf(rule.log, sizeof rule.log, "berth %.40s %.50s: ", lease->name,
			 section->name);
	struct filter_rule *list = realloc(filter->list, (filter->count + 1) * sizeof *list);
	if (!list)
		return -ENOMEM;
	filter->list = list;
	list[filter->count++] = rule;
	return 0;
}

int filter_read(const struct network *network, const struct lease *lease, const struct section *own,
		struct filter *filter)
{
	const struct section *const lists[] = { own, network->config.rules };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		for (const struct section *at = lists[i]; at; at = at->next) {
			int r = add_rule(network, lease, at, filter);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

void filter_free(struct filter *filter)
{
	free(filter->list);
	*filter = (struct filter){ 0 };
}

const char *filter_first(const struct filter *filter)
{
	return filter->list[0].section->name;
}

bool filter_has_peers(const struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		if (filter->list[i].rule.machine)
			return true;
	}
	return false;
}

void filter_identify(const struct filter *filter, struct text *identity)
{
	for (size_t i = 0; i < filter->count; i++) {
		const struct filter_rule *rule = &filter->list[i];
		const struct rule_config *config = (const struct rule_config *)rule->section;
		text_add(identity, " rule 1 %s %s %s %s %s %s %s", config->action,
			 config->direction, config->protocol, config->port, config->peer, rule->log,
			 rule->found ? rule->peer.mac : "");
		if (rule->found)
			text_add(identity, " %08x", rule->peer.address.s_addr);
		for (size_t n = 0; rule->found && n < sizeof rule->peer.address6; n++)
			text_add(identity, "%02x", rule->peer.address6.s6_addr[n]);
	}
}

/* ---- Matches */

static void want_network(struct nft_rule *nft, const struct rule *rule)
{
	bool six = rule->family == AF_INET6;
	enum nft_field four = rule->in ? NFT_FIELD_FROM : NFT_FIELD_TO;
	struct nft_match *match =
		rules_want(nft, six ? (rule->in ? NFT_FIELD_FROM6 : NFT_FIELD_TO6) : four, 0,
			   rule->address, six ? 16 : 0, false);

	match->prefix = rule->prefix;
	if (!six)
		memcpy(&match->network, rule->address, sizeof match->network);
}

/* The beginning of each rule: its family and its peer. */
static struct nft_rule *begin(struct rules *rules, const struct filter_rule *from, bool ipv6,
			      enum nft_verdict verdict)
{
	struct nft_rule *nft = rules_add_for(rules, verdict, rules_ethertype(ipv6));

	nft->ipv6 = ipv6;
	if (from->rule.machine)
		rules_want(nft, NFT_FIELD_FRAME, from->rule.in ? FRAME_SOURCE : FRAME_TARGET,
			   from->mac, LINK_MAC, false);
	else if (from->rule.family != AF_UNSPEC)
		want_network(nft, &from->rule);
	return nft;
}

static bool is_for(const struct rule *rule, bool ipv6)
{
	return rule->family == AF_UNSPEC || rule->family == (ipv6 ? AF_INET6 : AF_INET);
}

static unsigned icmp_of(bool ipv6)
{
	return ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

/* A packet without the header has no port, and does not match. */
static void want_port(struct nft_rule *nft, const struct rule *rule, unsigned i)
{
	struct nft_match *match = rules_want_number(nft, NFT_FIELD_PORT, 0);

	match->last = PORT_MAX;
	if (rule->port_count) {
		match->number = rule->ports[i].first;
		match->last = rule->ports[i].last;
	}
}

static unsigned ports_of(const struct rule *rule)
{
	return rule->port_count ? rule->port_count : 1;
}

/* ---- Denied */

static void want_transport(struct nft_rule *nft, const struct rule *rule, bool ipv6, unsigned i)
{
	if (rule->protocol == RULE_ICMP)
		rules_want_number(nft, NFT_FIELD_TRANSPORT, icmp_of(ipv6));
	if (rule->protocol == RULE_TCP || rule->protocol == RULE_UDP)
		rules_want_number(nft, NFT_FIELD_TRANSPORT,
				  rule->protocol == RULE_TCP ? IPPROTO_TCP : IPPROTO_UDP);
	if (rule->port_count)
		want_port(nft, rule, i);
}

static void deny_family(struct rules *rules, const struct filter_rule *from, bool ipv6)
{
	for (unsigned i = 0; i < ports_of(&from->rule); i++) {
		if (from->rule.log) {
			struct nft_rule *log = begin(rules, from, ipv6, NFT_GO_ON);
			want_transport(log, &from->rule, ipv6, i);
			log->log = from->log;
		}
		want_transport(begin(rules, from, ipv6, NFT_DROP), &from->rule, ipv6, i);
	}
}

static void deny(struct rules *rules, const struct filter_rule *from)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		if (is_for(&from->rule, ipv6))
			deny_family(rules, from, ipv6);
	}
}

static struct filter_rule by_address(const struct filter_rule *from, int family,
				     const void *address)
{
	struct filter_rule rule = *from;

	rule.rule.machine = NULL;
	rule.rule.family = family;
	rule.rule.prefix = family == AF_INET ? 32 : 128;
	memcpy(rule.rule.address, address, family == AF_INET ? 4 : 16);
	return rule;
}

/*
 * A machine chooses which hardware address it sends a packet to, and one for all machines reaches the denied one too.
 * So addresses of IP are denied as well.
 */
static void deny_addresses(struct rules *rules, const struct filter_rule *from)
{
	struct in6_addr local = port_link_local(from->mac);
	struct filter_rule one = by_address(from, AF_INET6, &local);

	deny(rules, &one);
	if (from->peer.prefix) {
		one = by_address(from, AF_INET, &from->peer.address);
		deny(rules, &one);
	}
	if (from->peer.prefix6) {
		one = by_address(from, AF_INET6, &from->peer.address6);
		deny(rules, &one);
	}
}

/* ---- Allowed */

static struct nft_note note_of(const struct rule *rule, unsigned seconds, bool refresh)
{
	enum nft_flows allowed = rule->in ? NFT_ALLOWED_IN : NFT_ALLOWED_OUT;

	return (struct nft_note){ .flows = rule->in ? NFT_OPENED_IN : NFT_OPENED_OUT,
				  .seconds = seconds,
				  .refresh = refresh,
				  .also = rule->machine ? NFT_NO_FLOWS : allowed };
}

/*
 * A segment that only answers (SYN with ACK) passes as an answer or not at all, so that nobody opens a flow by it.
 * Others than the first may open one, so that connections outlive the loss of the set.
 */
static void allow_tcp(struct rules *rules, const struct filter_rule *from, bool ipv6)
{
	const unsigned char consent = TCP_SYN | TCP_ACK;

	for (unsigned i = 0; i < ports_of(&from->rule); i++) {
		if (from->rule.log) {
			struct nft_rule *log = begin(rules, from, ipv6, NFT_GO_ON);
			filter_want_flags(log, consent, TCP_SYN, false);
			want_port(log, &from->rule, i);
			log->log = from->log;
		}
		struct nft_rule *nft = begin(rules, from, ipv6, NFT_ACCEPT);
		filter_want_flags(nft, consent, consent, true);
		want_port(nft, &from->rule, i);
		nft->note = note_of(&from->rule, FLOW_OPENING, false);
	}
}

static void allow_udp(struct rules *rules, const struct filter_rule *from, bool ipv6)
{
	for (unsigned i = 0; i < ports_of(&from->rule); i++) {
		if (from->rule.log) {
			struct nft_rule *log = begin(rules, from, ipv6, NFT_GO_ON);
			rules_want_number(log, NFT_FIELD_TRANSPORT, IPPROTO_UDP);
			want_port(log, &from->rule, i);
			log->log = from->log;
		}
		struct nft_rule *nft = begin(rules, from, ipv6, NFT_ACCEPT);
		rules_want_number(nft, NFT_FIELD_TRANSPORT, IPPROTO_UDP);
		want_port(nft, &from->rule, i);
		nft->note = note_of(&from->rule, FLOW_DATAGRAMS, true);
	}
}

static struct nft_rule *allow_types(struct rules *rules, const struct filter_rule *from, bool ipv6,
				    unsigned first, unsigned last)
{
	struct nft_rule *nft = begin(rules, from, ipv6, NFT_ACCEPT);

	rules_want_number(nft, NFT_FIELD_TRANSPORT, icmp_of(ipv6));
	rules_want_number(nft, NFT_FIELD_ICMP, first)->last = last;
	return nft;
}

/* An answer to an echo passes only as an answer. */
static void allow_icmp(struct rules *rules, const struct filter_rule *from, bool ipv6)
{
	unsigned request = ipv6 ? ECHO6 : ECHO, first = ipv6 ? 0 : 1;

	if (from->rule.log) {
		struct nft_rule *log = allow_types(rules, from, ipv6, request, request);
		log->verdict = NFT_GO_ON;
		log->log = from->log;
	}
	struct nft_rule *echo = allow_types(rules, from, ipv6, request, request);
	echo->echo = true;
	echo->note = note_of(&from->rule, FLOW_ECHO, true);
	echo->note.also = NFT_NO_FLOWS;
	allow_types(rules, from, ipv6, first, request - 1);
	allow_types(rules, from, ipv6, ipv6 ? ECHO6 + 2 : ECHO + 1, TYPE_MAX);
}

/* All other transports. Of IPv6, one that can be seen has a first byte, 0 or not. */
static void allow_others(struct rules *rules, const struct filter_rule *from, bool ipv6)
{
	const unsigned known[] = { IPPROTO_TCP, IPPROTO_UDP, icmp_of(ipv6) };
	static const unsigned char zero;

	for (int variant = 0; variant < (ipv6 ? 2 : 1); variant++) {
		struct nft_rule *nft = begin(rules, from, ipv6, NFT_ACCEPT);
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			rules_want_number(nft, NFT_FIELD_TRANSPORT, known[i])->inverted = true;
		if (ipv6)
			rules_want(nft, NFT_FIELD_SEGMENT, 0, &zero, 1, variant);
	}
}

static void allow(struct rules *rules, const struct filter_rule *from)
{
	enum rule_protocol protocol = from->rule.protocol;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		if (!is_for(&from->rule, ipv6))
			continue;
		if (protocol == RULE_ANY || protocol == RULE_TCP)
			allow_tcp(rules, from, ipv6);
		if (protocol == RULE_ANY || protocol == RULE_UDP)
			allow_udp(rules, from, ipv6);
		if (protocol == RULE_ANY || protocol == RULE_ICMP)
			allow_icmp(rules, from, ipv6);
		if (protocol == RULE_ANY)
			allow_others(rules, from, ipv6);
	}
}

/* ---- A direction */

/* Without an allow, what is not denied passes, unless it hides its transport. Answers open no flow. */
static void allow_rest(struct rules *rules, bool in)
{
	const struct filter_rule all = { .rule = { .in = in } };
	struct nft_rule *other = rules_add(rules, NFT_ACCEPT);

	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		rules_want_number(other, NFT_FIELD_PROTOCOL, rules_ethertype(ipv6))->inverted =
			true;
	allow(rules, &all);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct nft_rule *answer = begin(rules, &all, ipv6, NFT_ACCEPT);
		filter_want_flags(answer, TCP_SYN | TCP_ACK, TCP_SYN | TCP_ACK, false);
		allow_types(rules, &all, ipv6, ipv6 ? ECHO6 + 1 : 0, ipv6 ? ECHO6 + 1 : 0);
	}
}

/* Rules of a direction, in this order. What denies a machine looks at hardware addresses, which flows do not have. */
enum order { DENY_MACHINES, DENY_OTHERS, ALLOW };

static bool applies(const struct filter_rule *rule, bool in, enum order order)
{
	enum order own = !rule->rule.deny     ? ALLOW
			 : rule->rule.machine ? DENY_MACHINES
					      : DENY_OTHERS;

	return rule->rule.in == in && own == order && (!rule->rule.machine || rule->found);
}

static bool has(const struct filter *filter, bool in, enum order order)
{
	for (size_t i = 0; i < filter->count; i++) {
		if (applies(&filter->list[i], in, order))
			return true;
	}
	return false;
}

static void add_order(const struct filter *filter, bool in, enum order order, struct rules *rules)
{
	for (size_t i = 0; i < filter->count; i++) {
		const struct filter_rule *rule = &filter->list[i];
		if (!applies(rule, in, order))
			continue;
		rules->owner = rule->section;
		if (order == ALLOW)
			allow(rules, rule);
		else
			deny(rules, rule);
		if (order == DENY_MACHINES && !in)
			deny_addresses(rules, rule);
	}
	rules->owner = NULL;
}

static void add_direction(const struct network *network, const struct filter *filter, bool in,
			  struct rules *rules)
{
	rules->chain = in ? NFT_RECEIVED : NFT_SENT;
	rules->owner = NULL;
	/* Most packets are of flows. */
	if (!has(filter, in, DENY_MACHINES))
		filter_pass_allowed(in, rules);
	filter_pass_answers(in, rules);
	filter_note_ends(in, rules);
	filter_pass_needed(network, in, rules);
	add_order(filter, in, DENY_MACHINES, rules);
	if (has(filter, in, DENY_MACHINES))
		filter_pass_allowed(in, rules);
	add_order(filter, in, DENY_OTHERS, rules);
	add_order(filter, in, ALLOW, rules);
	if (!has(filter, in, ALLOW))
		allow_rest(rules, in);
	rules_add(rules, NFT_DROP);
}

void filter_add(const struct network *network, const struct filter *filter, struct rules *rules)
{
	if (filter->count == 0)
		return;
	add_direction(network, filter, false, rules);
	add_direction(network, filter, true, rules);
}
