/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/nft_flow.h"

#include "kern/nft_calls.h"
#include "kern/nft_expr.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

/*
 * The key of a flow has the same form in both directions: transport, the machine's port, the peer's address, the peer's
 * port. Each part has whole registers of 4 bytes, which the kernel fills up with zeros.
 */
enum {
	REGISTER = 4,
	FLOWS_MAX = 65535, /* of one set; a flow has about 120 bytes */
	ALLOWED_SECONDS = 60,
	FIRST_ID = 2, /* within a batch; 1 is nft_rule_senders' */
	SOURCE4 = 12, /* RFC 791 */
	TARGET4 = 16,
	SOURCE6 = 8, /* RFC 8200 */
	TARGET6 = 24,
	SOURCE_PORT = 0,
	TARGET_PORT = 2,
	ECHO_ID = 4, /* RFC 792, RFC 4443 */
};

/* nft's own numbers of types, for people who list the table: 6 bits for each part of a key. */
enum { TYPE_ADDRESS = 7, TYPE_ADDRESS6 = 8, TYPE_TRANSPORT = 12, TYPE_PORT = 13, TYPE_BITS = 6 };

/* Those that a replacement of the rules keeps come first. */
static const char *const names[NFT_FLOW_SETS] = {
	"opened_out",  "opened_out6",  "opened_in",  "opened_in6",
	"allowed_out", "allowed_out6", "allowed_in", "allowed_in6",
};

static unsigned index_of(enum nft_flows flows, bool ipv6)
{
	return 2 * (unsigned)(flows - NFT_OPENED_OUT) + ipv6;
}

static uint32_t key_length(bool ipv6)
{
	return 3 * REGISTER + (ipv6 ? 4 * REGISTER : REGISTER);
}

struct nftnl_set *nft_flow_set(const struct nft_table *table, unsigned which)
{
	bool ipv6 = which % 2;
	uint32_t type = TYPE_TRANSPORT;
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		return NULL;
	type = type << TYPE_BITS | TYPE_PORT;
	type = type << TYPE_BITS | (ipv6 ? TYPE_ADDRESS6 : TYPE_ADDRESS);
	type = type << TYPE_BITS | TYPE_PORT;
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_NETDEV);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table->name);
	nftnl_set_set_str(set, NFTNL_SET_NAME, names[which]);
	nftnl_set_set_u32(set, NFTNL_SET_ID, FIRST_ID + which);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_EVAL | NFT_SET_TIMEOUT);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key_length(ipv6));
	nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, FLOWS_MAX);
	return set;
}

/* Both ends of an echo have its identifier. */
static bool load_key(struct nftnl_rule *rule, const struct nft_rule *from)
{
	bool sends = from->chain != NFT_RECEIVED;
	uint32_t own = sends ? SOURCE_PORT : TARGET_PORT, peer = sends ? TARGET_PORT : SOURCE_PORT;
	uint32_t address4 = sends ? TARGET4 : SOURCE4, address6 = sends ? TARGET6 : SOURCE6;
	uint32_t length = from->ipv6 ? 4 * REGISTER : REGISTER;
	uint32_t last = NFT_REG32_02 + length / REGISTER;
	struct nftnl_expr *meta = nft_expr_add(rule, "meta");

	if (!meta)
		return false;
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
	return nft_expr_load(rule, NFT_REG32_01, NFT_PAYLOAD_TRANSPORT_HEADER,
			     from->echo ? ECHO_ID : own, 2) &&
	       nft_expr_load(rule, NFT_REG32_02, NFT_PAYLOAD_NETWORK_HEADER,
			     from->ipv6 ? address6 : address4, length) &&
	       nft_expr_load(rule, last, NFT_PAYLOAD_TRANSPORT_HEADER, from->echo ? ECHO_ID : peer,
			     2);
}

bool nft_flow_find(struct nftnl_rule *rule, const struct nft_rule *from, enum nft_flows flows)
{
	unsigned which = index_of(flows, from->ipv6);
	struct nftnl_expr *lookup = load_key(rule, from) ? nft_expr_add(rule, "lookup") : NULL;

	if (!lookup)
		return false;
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, names[which]);
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SET_ID, FIRST_ID + which);
	return true;
}

/* The key is loaded. */
static bool add_note(struct nftnl_rule *rule, unsigned which, unsigned seconds, bool refresh)
{
	struct nftnl_expr *set = nft_expr_add(rule, "dynset");

	if (!set)
		return false;
	nftnl_expr_set_u32(set, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	nftnl_expr_set_u32(set, NFTNL_EXPR_DYNSET_OP,
			   refresh ? NFT_DYNSET_OP_UPDATE : NFT_DYNSET_OP_ADD);
	nftnl_expr_set_str(set, NFTNL_EXPR_DYNSET_SET_NAME, names[which]);
	nftnl_expr_set_u32(set, NFTNL_EXPR_DYNSET_SET_ID, FIRST_ID + which);
	nftnl_expr_set_u64(set, NFTNL_EXPR_DYNSET_TIMEOUT, seconds * 1000ull);
	return true;
}

bool nft_flow_note(struct nftnl_rule *rule, const struct nft_rule *from)
{
	const struct nft_note *note = &from->note;

	if (!load_key(rule, from) ||
	    !add_note(rule, index_of(note->flows, from->ipv6), note->seconds, note->refresh))
		return false;
	return !note->also ||
	       add_note(rule, index_of(note->also, from->ipv6), ALLOWED_SECONDS, false);
}
