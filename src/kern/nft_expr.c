/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/nft_expr.h"

#include "kern/nft_calls.h"

#include <errno.h>

struct nftnl_expr *nft_expr_add(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	if (expr)
		nftnl_rule_add_expr(rule, expr);
	else
		errno = ENOMEM;
	return expr;
}

bool nft_expr_load(struct nftnl_rule *rule, uint32_t into, uint32_t base, uint32_t offset,
		   uint32_t length)
{
	struct nftnl_expr *load = nft_expr_add(rule, "payload");

	if (!load)
		return false;
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, into);
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, length);
	return true;
}
