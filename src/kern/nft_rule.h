/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule of a table as libnftnl wants it. For the files of kern/nft alone. */
#ifndef BERTH_KERN_NFT_RULE_H
#define BERTH_KERN_NFT_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct nft_rule;
struct nft_table;
struct nftnl_rule;

/* Where a rule lives: its table's family, NFPROTO_, and the name of its chain. */
uint32_t nft_rule_family(const struct nft_table *table);
const char *nft_rule_chain(const struct nft_table *table, const struct nft_rule *rule);

/* The set of a table's rule that bounds connections. */
extern const char nft_rule_senders[];

/* The rule, in that table and with its mark, to be freed by nftnl_rule_free(). NULL and errno. */
struct nftnl_rule *nft_rule_make(const struct nft_table *table, const struct nft_rule *from);

/* Whether a rule that the kernel told bears exactly this mark. */
bool nft_rule_has_comment(const struct nftnl_rule *rule, const char *comment);

#endif
