/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing list of the rules of a port, and the matches that they are made of. For the files of this layer. */
#ifndef BERTH_NETWORK_RULES_H
#define BERTH_NETWORK_RULES_H

#include "kern/nft.h"

struct rules {
	struct nft_rule *list; /* owned */
	size_t count, room;
	const void **owners;  /* owned; what each rule was made for */
	enum nft_chain chain; /* of the rules that are added */
	const void *owner;    /* the same; NULL: none */
	bool failed;          /* out of memory: rules are missing */
	struct nft_rule lost; /* takes the place of a rule that is missing */
};

void rules_free(struct rules *rules);

/* Adds a rule, which is borrowed until the next one is added. A drop is counted. */
struct nft_rule *rules_add(struct rules *rules, enum nft_verdict verdict);

/* The same for packets of one ethertype. */
struct nft_rule *rules_add_for(struct rules *rules, enum nft_verdict verdict, unsigned protocol);

/* Adds a match to a rule, which has room for it. */
struct nft_match *rules_want_number(struct nft_rule *rule, enum nft_field field, unsigned number);
struct nft_match *rules_want(struct nft_rule *rule, enum nft_field field, unsigned offset,
			     const void *bytes, unsigned length, bool inverted);
/* The ethertype of the family. */
unsigned rules_ethertype(bool ipv6);
/* Two matches: the transport, and bytes of its header. */
struct nft_match *rules_want_segment(struct nft_rule *rule, unsigned transport, unsigned offset,
				     const void *bytes, unsigned length, bool inverted);

/*
 * Adds rules by which packets of IPv6 pass whose transport can be seen; a first fragment whose headers continue in the
 * next one is not among them.
 */
void rules_pass_ipv6(struct rules *rules);

/* Adds the rule by which later fragments of IPv6 pass, which begin after the first 256 bytes. */
void rules_pass_later6(struct rules *rules);

/* Adds a rule that applies only if the transport is known. */
struct nft_rule *rules_pass_known(struct rules *rules, unsigned protocol);

#endif
