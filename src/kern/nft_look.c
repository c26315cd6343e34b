/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The existing tables of nf_tables. */
#include "kern/nft.h"

#include "kern/nft_calls.h"
#include "kern/nft_request.h"
#include "kern/nft_rule.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

enum { TRIES = 10 };

struct rule_count {
	const struct nft_table *table;
	size_t marked, others;
	const char *chain; /* NULL: all */
	uint64_t packets;  /* that its counted rules in that chain have matched */
	uint64_t *each;    /* NULL, or room for the packets of each rule of the table */
};

static int count_rule(const struct nlmsghdr *head, void *context)
{
	struct rule_count *count = context;
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return MNL_CB_ERROR;
	const char *table = nftnl_rule_nlmsg_parse(head, rule) == 0
				    ? nftnl_rule_get_str(rule, NFTNL_RULE_TABLE)
				    : NULL;
	if (table && strcmp(table, count->table->name) == 0) {
		const char *chain = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
		uint64_t packets = nft_rule_count(rule);
		size_t place = count->marked + count->others;
		if (count->each && place < count->table->count)
			count->each[place] = packets;
		if (nft_rule_has_comment(rule, count->table->mark))
			count->marked++;
		else
			count->others++;
		if (chain && (!count->chain || strcmp(chain, count->chain) == 0))
			count->packets += packets;
	}
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

/* Looks at all rules of a table. Zeros: there is no such table. */
static int look(const struct nft_table *table, struct rule_count *count)
{
	const struct rule_count empty = { .table = table,
					  .chain = count->chain,
					  .each = count->each };
	char data[1024];
	int r = nft_library();

	if (r < 0)
		return r;
	struct nftnl_rule *filter = nftnl_rule_alloc();
	if (!filter)
		return -ENOMEM;
	nftnl_rule_set_str(filter, NFTNL_RULE_TABLE, table->name);
	struct nlmsghdr *head =
		nftnl_nlmsg_build_hdr(data, NFT_MSG_GETRULE, (uint16_t)nft_rule_family(table),
				      NLM_F_DUMP, 1);
	nftnl_rule_nlmsg_build_payload(head, filter);
	nftnl_rule_free(filter);
	/* EINTR: the rules changed while they were listed. */
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		*count = empty;
		r = nft_request(head, head->nlmsg_len, count_rule, count);
	}
	if (r == -EOPNOTSUPP) /* no such table, or no nf_tables at all */
		*count = empty;
	return r == -EOPNOTSUPP ? 0 : r;
}

int nft_is_current(const struct nft_table *table)
{
	struct rule_count count = { 0 };
	int r = look(table, &count);

	return r < 0 ? r : count.others == 0 && count.marked == table->count;
}

int nft_is_other(const struct nft_table *table)
{
	struct rule_count count = { 0 };
	int r = look(table, &count);

	return r < 0 ? r : count.others > 0;
}

int nft_count(const struct nft_table *table, enum nft_chain chain, uint64_t *packets)
{
	struct rule_count count = { .chain = nft_rule_chain(chain) };
	int r = look(table, &count);

	if (r == 0)
		*packets = count.packets;
	return r;
}

int nft_count_each(const struct nft_table *table, uint64_t *packets)
{
	struct rule_count count = { .each = packets };
	int r = look(table, &count);

	return r < 0 ? r : count.others == 0 && count.marked == table->count;
}

struct chain_search {
	char *out;
	size_t room;
	bool found;
};

static int compare_chain(const struct nlmsghdr *head, void *context)
{
	struct chain_search *search = context;
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain)
		return MNL_CB_ERROR;
	if (!search->found && nftnl_chain_nlmsg_parse(head, chain) == 0 &&
	    nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) &&
	    nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD &&
	    nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_DROP) {
		uint32_t family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
		search->found = family == NFPROTO_IPV4 || family == NFPROTO_INET;
		snprintf(search->out, search->room, "%s %s %s",
			 family == NFPROTO_INET ? "inet" : "ip",
			 nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
			 nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
	}
	nftnl_chain_free(chain);
	return MNL_CB_OK;
}

int nft_forward_policy_drop(char *out, size_t room)
{
	char data[1024];
	struct chain_search search = { .out = out, .room = room };
	int r = nft_library();

	if (r < 0)
		return r;
	struct nlmsghdr *head =
		nftnl_nlmsg_build_hdr(data, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 1);
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = nft_request(head, head->nlmsg_len, compare_chain, &search);
	if (r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? r : search.found;
}
