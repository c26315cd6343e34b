/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule in the terms of nf_tables: its matches and verdict as expressions over register 1. */
#include "kern/nft_rule.h"

#include "kern/nft.h"
#include "kern/nft_calls.h"
#include "kern/nft_expr.h"
#include "kern/nft_flow.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <syslog.h>

const char nft_rule_senders[] = "senders";

uint32_t nft_rule_family(const struct nft_table *table)
{
	return table->device ? NFPROTO_NETDEV : NFPROTO_INET;
}

const char *nft_rule_chain(enum nft_chain chain)
{
	static const char *const chains[] = {
		[NFT_POSTROUTING] = "postrouting",
		[NFT_FORWARD] = "forward",
		[NFT_INPUT] = "input",
		[NFT_PREROUTING] = "prerouting",
		[NFT_OUTPUT] = "output",
		[NFT_EARLY] = "early",
		[NFT_INGRESS] = "ingress",
		[NFT_SENT] = "sent",
		[NFT_RECEIVED] = "received",
	};

	return chains[chain];
}

static bool add_meta(struct nftnl_rule *rule, uint32_t key)
{
	struct nftnl_expr *expr = nft_expr_add(rule, "meta");

	if (!expr)
		return false;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
	return true;
}

static bool add_cmp(struct nftnl_rule *rule, uint32_t op, const void *data, uint32_t size)
{
	struct nftnl_expr *expr = nft_expr_add(rule, "cmp");

	if (!expr)
		return false;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, size);
	return true;
}

static bool add_compare(struct nftnl_rule *rule, bool inverted, const void *data, uint32_t size)
{
	return add_cmp(rule, inverted ? NFT_CMP_NEQ : NFT_CMP_EQ, data, size);
}

/* Clears bits of register 1. */
static bool add_masks(struct nftnl_rule *rule, const void *mask, uint32_t size)
{
	static const unsigned char zero[sizeof(struct in6_addr)];
	struct nftnl_expr *bits = nft_expr_add(rule, "bitwise");

	if (!bits)
		return false;
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_LEN, size);
	nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_MASK, mask, size);
	nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_XOR, zero, size);
	return true;
}

static bool add_mask(struct nftnl_rule *rule, uint32_t mask)
{
	return add_masks(rule, &mask, sizeof mask);
}

/* Into register 1. */
static bool add_load(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t length)
{
	return nft_expr_load(rule, NFT_REG_1, base, offset, length);
}

/* An IPv4 address of the packet, its host bits cleared, against a network. */
static bool add_network(struct nftnl_rule *rule, const struct nft_match *match)
{
	/* RFC 791: the source stands at byte 12 of the header, the destination at 16. */
	uint32_t offset = match->field == NFT_FIELD_FROM ? 12 : 16;
	uint32_t mask = match->prefix ? htonl(UINT32_MAX << (32 - match->prefix)) : 0;
	uint32_t network = match->network.s_addr & mask;

	return add_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof network) &&
	       add_mask(rule, mask) && add_compare(rule, match->inverted, &network, sizeof network);
}

/* The same of an IPv6 packet, RFC 8200: the source stands at byte 8, the destination at 24. */
static bool add_network6(struct nftnl_rule *rule, const struct nft_match *match)
{
	uint32_t offset = match->field == NFT_FIELD_FROM6 ? 8 : 24;
	unsigned char mask[sizeof match->bytes] = { 0 };

	for (unsigned bit = 0; bit < match->prefix; bit++)
		mask[bit / 8] |= (unsigned char)(0x80u >> bit % 8);
	return add_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof mask) &&
	       add_masks(rule, mask, sizeof mask) &&
	       add_compare(rule, match->inverted, match->bytes, sizeof match->bytes);
}

static bool add_link(struct nftnl_rule *rule, const struct nft_match *match, uint32_t key)
{
	char link[IFNAMSIZ] = "";

	/* The kernel keeps names in whole registers, filled up with zeros. */
	memcpy(link, match->link, strnlen(match->link, sizeof link - 1));
	return add_meta(rule, key) && add_compare(rule, match->inverted, link, sizeof link);
}

static bool add_bytes(struct nftnl_rule *rule, const struct nft_match *match, uint32_t base)
{
	bool masked = match->mask[0] || match->mask[1];

	return add_load(rule, base, match->offset, match->length) &&
	       (!masked || add_masks(rule, match->mask, match->length)) &&
	       add_compare(rule, match->inverted, match->bytes, match->length);
}

/* TCP and UDP have it at the same place. */
static bool add_port(struct nftnl_rule *rule, const struct nft_match *match)
{
	uint16_t first = htons((uint16_t)match->number), last = htons((uint16_t)match->last);

	if (!add_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof first))
		return false;
	return first == last ? add_compare(rule, match->inverted, &first, sizeof first)
			     : add_cmp(rule, NFT_CMP_GTE, &first, sizeof first) &&
				       add_cmp(rule, NFT_CMP_LTE, &last, sizeof last);
}

/* RFC 792, RFC 4443. */
static bool add_icmp(struct nftnl_rule *rule, const struct nft_match *match)
{
	uint8_t first = (uint8_t)match->number, last = (uint8_t)match->last;

	return add_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof first) &&
	       add_cmp(rule, NFT_CMP_GTE, &first, sizeof first) &&
	       add_cmp(rule, NFT_CMP_LTE, &last, sizeof last);
}

static bool add_to_host(struct nftnl_rule *rule)
{
	const uint32_t local = RTN_LOCAL;
	struct nftnl_expr *fib = nft_expr_add(rule, "fib");

	if (!fib)
		return false;
	nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	return add_compare(rule, false, &local, sizeof local);
}

static bool add_ct(struct nftnl_rule *rule, uint32_t key)
{
	struct nftnl_expr *ct = nft_expr_add(rule, "ct");

	if (!ct)
		return false;
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(ct, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	return true;
}

static bool add_translated(struct nftnl_rule *rule, bool inverted)
{
	const uint32_t zero = 0;

	return add_ct(rule, NFT_CT_STATUS) && add_mask(rule, IPS_DST_NAT) &&
	       add_compare(rule, !inverted, &zero, sizeof zero);
}

static bool add_match(struct nftnl_rule *rule, const struct nft_rule *from,
		      const struct nft_match *match)
{
	uint16_t protocol = htons((uint16_t)match->number);
	uint8_t transport = (uint8_t)match->number;

	switch (match->field) {
	case NFT_FIELD_IN:
		return add_link(rule, match, NFT_META_IIFNAME);
	case NFT_FIELD_OUT:
		return add_link(rule, match, NFT_META_OIFNAME);
	case NFT_FIELD_PROTOCOL:
		return add_meta(rule, NFT_META_PROTOCOL) &&
		       add_compare(rule, match->inverted, &protocol, sizeof protocol);
	case NFT_FIELD_TRANSPORT:
		return add_meta(rule, NFT_META_L4PROTO) &&
		       add_compare(rule, match->inverted, &transport, sizeof transport);
	case NFT_FIELD_FRAME:
		return add_bytes(rule, match, NFT_PAYLOAD_LL_HEADER);
	case NFT_FIELD_PACKET:
		return add_bytes(rule, match, NFT_PAYLOAD_NETWORK_HEADER);
	case NFT_FIELD_SEGMENT:
		return add_bytes(rule, match, NFT_PAYLOAD_TRANSPORT_HEADER);
	case NFT_FIELD_PORT:
		return add_port(rule, match);
	case NFT_FIELD_ICMP:
		return add_icmp(rule, match);
	case NFT_FIELD_FLOW:
		return nft_flow_find(rule, from, match->flows);
	case NFT_FIELD_TO_HOST:
		return add_to_host(rule);
	case NFT_FIELD_TRANSLATED:
		return add_translated(rule, match->inverted);
	case NFT_FIELD_FROM6:
	case NFT_FIELD_TO6:
		return add_network6(rule, match);
	case NFT_FIELD_FROM:
	case NFT_FIELD_TO:
		break;
	}
	return add_network(rule, match);
}

/*
 * Only packets that begin a connection are counted and checked: a dropped connection is in the list for a moment too,
 * and would end the others.
 */
static bool add_bound(struct nftnl_rule *rule, unsigned connections)
{
	/* NF_CT_STATE_BIT(IP_CT_NEW) */
	const uint32_t is_new = 8;

	if (!add_ct(rule, NFT_CT_STATE) || !add_compare(rule, false, &is_new, sizeof is_new) ||
	    !add_load(rule, NFT_PAYLOAD_LL_HEADER, ETH_ALEN, ETH_ALEN))
		return false;
	struct nftnl_expr *set = nft_expr_add(rule, "dynset");
	struct nftnl_expr *limit = nftnl_expr_alloc("connlimit");
	if (!set || !limit) {
		if (limit)
			nftnl_expr_free(limit);
		return false;
	}
	nftnl_expr_set_u32(limit, NFTNL_EXPR_CONNLIMIT_COUNT, connections);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	nftnl_expr_set_u32(set, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	nftnl_expr_set_u32(set, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nftnl_expr_set_str(set, NFTNL_EXPR_DYNSET_SET_NAME, nft_rule_senders);
	nftnl_expr_set_u32(set, NFTNL_EXPR_DYNSET_SET_ID, 1);
	nftnl_expr_set(set, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
	return true;
}

/* A rate above the bound ends the rule: what is to happen to all packets is another rule's. */
static bool add_log(struct nftnl_rule *rule, const char *prefix)
{
	enum { A_SECOND = 5, BURST = 10 };
	struct nftnl_expr *limit = nft_expr_add(rule, "limit");
	struct nftnl_expr *log = limit ? nft_expr_add(rule, "log") : NULL;

	if (!log)
		return false;
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, A_SECOND);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, BURST);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_str(log, NFTNL_EXPR_LOG_PREFIX, prefix);
	nftnl_expr_set_u32(log, NFTNL_EXPR_LOG_LEVEL, LOG_INFO);
	return true;
}

static bool add_immediate(struct nftnl_rule *rule, uint32_t dreg, const void *data, uint32_t size)
{
	struct nftnl_expr *expr = nft_expr_add(rule, "immediate");

	if (!expr)
		return false;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, dreg);
	nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, data, size);
	return true;
}

static bool add_redirect(struct nftnl_rule *rule, const struct nft_rule *from)
{
	uint16_t port = htons((uint16_t)from->port);
	const void *to = from->ipv6 ? (const void *)&from->to6 : &from->to;
	uint32_t size = from->ipv6 ? sizeof from->to6 : sizeof from->to;

	if (!add_immediate(rule, NFT_REG_1, to, size) ||
	    (port && !add_immediate(rule, NFT_REG_2, &port, sizeof port)))
		return false;
	struct nftnl_expr *nat = nft_expr_add(rule, "nat");
	if (!nat)
		return false;
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY, from->ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	if (port) {
		nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2);
		nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
	}
	return true;
}

static bool add_verdict(struct nftnl_rule *rule, const struct nft_rule *from)
{
	enum nft_verdict verdict = from->verdict;

	if (verdict == NFT_REDIRECT)
		return add_redirect(rule, from);
	if (verdict == NFT_GO_ON)
		return true;
	struct nftnl_expr *expr =
		nft_expr_add(rule, verdict == NFT_MASQUERADE ? "masq" : "immediate");

	if (!expr)
		return false;
	if (verdict != NFT_MASQUERADE) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT,
				   verdict == NFT_DROP ? NF_DROP : NF_ACCEPT);
	}
	return true;
}

static bool set_comment(struct nftnl_rule *rule, const char *comment)
{
	struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(128);

	if (!data)
		return false;
	bool done = nftnl_udata_put_strz(data, NFTNL_UDATA_RULE_COMMENT, comment);
	if (done)
		nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data),
				    nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
	return done;
}

/* A table of family inet sees both families, whose headers have other bytes in place of the addresses. */
static bool only_family(struct nftnl_rule *rule, bool ipv6)
{
	const uint8_t family = ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	return add_meta(rule, NFT_META_NFPROTO) && add_compare(rule, false, &family, sizeof family);
}

struct nftnl_rule *nft_rule_make(const struct nft_table *table, const struct nft_rule *from)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return NULL;
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, nft_rule_family(table));
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table->name);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, nft_rule_chain(from->chain));
	bool done = set_comment(rule, table->mark);
	if (done && !table->device && from->chain != NFT_FORWARD && from->chain != NFT_INPUT)
		done = only_family(rule, from->ipv6);
	for (unsigned i = 0; done && i < from->matches; i++)
		done = add_match(rule, from, &from->match[i]);
	if (done && from->connections)
		done = add_bound(rule, from->connections);
	if (done && from->note.flows)
		done = nft_flow_note(rule, from);
	if (done && from->log)
		done = add_log(rule, from->log);
	if (done && from->counted)
		done = nft_expr_add(rule, "counter") != NULL;
	if (done && add_verdict(rule, from))
		return rule;
	nftnl_rule_free(rule);
	return NULL;
}

static int add_count(struct nftnl_expr *expr, void *context)
{
	uint64_t *packets = context;

	if (strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter") == 0)
		*packets += nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

uint64_t nft_rule_count(struct nftnl_rule *rule)
{
	uint64_t packets = 0;

	nftnl_expr_foreach(rule, add_count, &packets);
	return packets;
}

bool nft_rule_has_comment(const struct nftnl_rule *rule, const char *comment)
{
	uint32_t size = 0;
	const unsigned char *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
	size_t length = strlen(comment) + 1;

	/* The form of set_comment: type, length, text with its NUL. */
	return data && size == length + 2 && data[0] == NFTNL_UDATA_RULE_COMMENT &&
	       memcmp(data + 2, comment, length) == 0;
}
