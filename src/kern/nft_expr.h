/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions of a rule of nf_tables, for the files that make them (nft_rule.c, nft_flow.c). */
#ifndef BERTH_KERN_NFT_EXPR_H
#define BERTH_KERN_NFT_EXPR_H

#include <stdbool.h>
#include <stdint.h>

struct nftnl_rule;
struct nftnl_expr;

/* Adds an expression of that name to the rule, which owns it. NULL with errno ENOMEM. */
struct nftnl_expr *nft_expr_add(struct nftnl_rule *rule, const char *name);

/* Loads bytes of the packet, from the header that base names, into the register. false: as above. */
bool nft_expr_load(struct nftnl_rule *rule, uint32_t into, uint32_t base, uint32_t offset,
		   uint32_t length);

#endif
