/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds a rule of a table with libnftnl. For the files of kern/nft alone. */
#ifndef BERTH_KERN_NFT_RULE_H
#define BERTH_KERN_NFT_RULE_H

#include "kern/nft.h"

struct nftnl_rule;

/* The family (NFPROTO_*) of a table; the name of a chain. */
uint32_t nft_rule_family(const struct nft_table *table);
const char *nft_rule_chain(enum nft_chain chain);

/* The name of the set by which a rule counts connections. */
extern const char nft_rule_senders[];

/* Makes the rule, with the table's mark; to be freed by nftnl_rule_free(). NULL with errno on failure. */
struct nftnl_rule *nft_rule_make(const struct nft_table *table, const struct nft_rule *from);

/* The packets that a rule from the kernel has counted. */
uint64_t nft_rule_count(struct nftnl_rule *rule);

/* Whether a rule from the kernel has exactly this comment. */
bool nft_rule_has_comment(const struct nftnl_rule *rule, const char *comment);

#endif
