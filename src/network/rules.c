/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/rules.h"

#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM = 32,
	IPV6_NEXT = 6,    /* RFC 8200 */
	IPV6_OFFSET = 42, /* of a fragment, upper half */
};

static const unsigned char nothing[1];

void rules_free(struct rules *rules)
{
	free(rules->list);
	free(rules->owners);
	rules->list = NULL;
	rules->owners = NULL;
}

static bool grow(struct rules *rules)
{
	size_t room = rules->room ? 2 * rules->room : FIRST_ROOM;
	struct nft_rule *list = realloc(rules->list, room * sizeof *list);

	if (!list)
		return false;
	rules->list = list;
	const void **owners = realloc(rules->owners, room * sizeof *owners);
	if (!owners)
		return false;
	rules->owners = owners;
	rules->room = room;
	return true;
}

struct nft_rule *rules_add(struct rules *rules, enum nft_verdict verdict)
{
	bool fits = rules->count < rules->room || grow(rules);
	struct nft_rule *rule = fits ? &rules->list[rules->count] : &rules->lost;

	if (fits)
		rules->owners[rules->count++] = rules->owner;
	rules->failed |= !fits;
	*rule = (struct nft_rule){ .chain = rules->chain,
				   .verdict = verdict,
				   .counted = verdict == NFT_DROP };
	return rule;
}

struct nft_match *rules_want_number(struct nft_rule *rule, enum nft_field field, unsigned number)
{
	struct nft_match *match = &rule->match[rule->matches++];

	*match = (struct nft_match){ .field = field, .number = number, .last = number };
	return match;
}

struct nft_match *rules_want(struct nft_rule *rule, enum nft_field field, unsigned offset,
			     const void *bytes, unsigned length, bool inverted)
{
	struct nft_match *match = &rule->match[rule->matches++];

	*match = (struct nft_match){
		.field = field, .inverted = inverted, .offset = offset, .length = length
	};
	memcpy(match->bytes, bytes, length);
	return match;
}

unsigned rules_ethertype(bool ipv6)
{
	return ipv6 ? ETH_P_IPV6 : ETH_P_IP;
}

struct nft_match *rules_want_segment(struct nft_rule *rule, unsigned transport, unsigned offset,
				     const void *bytes, unsigned length, bool inverted)
{
	rules_want_number(rule, NFT_FIELD_TRANSPORT, transport);
	return rules_want(rule, NFT_FIELD_SEGMENT, offset, bytes, length, inverted);
}

struct nft_rule *rules_add_for(struct rules *rules, enum nft_verdict verdict, unsigned protocol)
{
	struct nft_rule *rule = rules_add(rules, verdict);

	rules_want_number(rule, NFT_FIELD_PROTOCOL, protocol);
	return rule;
}

/* 255 stands for no transport. */
struct nft_rule *rules_pass_known(struct rules *rules, unsigned protocol)
{
	struct nft_rule *rule = rules_add_for(rules, NFT_ACCEPT, protocol);

	rules_want_number(rule, NFT_FIELD_TRANSPORT, 255)->inverted = true;
	return rule;
}

void rules_pass_later6(struct rules *rules)
{
	static const unsigned char fragment = IPPROTO_FRAGMENT;
	struct nft_rule *later = rules_pass_known(rules, ETH_P_IPV6);

	rules_want(later, NFT_FIELD_PACKET, IPV6_NEXT, &fragment, 1, false);
	rules_want(later, NFT_FIELD_PACKET, IPV6_OFFSET, nothing, 1, true);
}

/* A transport has a first byte, 0 or not. */
void rules_pass_ipv6(struct rules *rules)
{
	for (int zero = 0; zero < 2; zero++)
		rules_want(rules_pass_known(rules, ETH_P_IPV6), NFT_FIELD_SEGMENT, 0, nothing, 1,
			   !zero);
}
