/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A batch of changes of nf_tables. */
#include "kern/nft.h"

#include "kern/nft_calls.h"
#include "kern/nft_flow.h"
#include "kern/nft_request.h"
#include "kern/nft_rule.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH_ROOM = 8192, /* for all but the rules */
	RULE_ROOM = 2048,
	PRIORITY_SRCNAT = 100,
	PRIORITY_DSTNAT = -100,
	PRIORITY_RAW = -300,
	KEY_ETHER = 9, /* nft's own number of a type, for people who list the table */
	SENDERS_MAX = 65535
};

/* A batch that is being filled; it has no effect before its end. */
struct batch {
	char *data;                       /* owned */
	struct mnl_nlmsg_batch *messages; /* owned */
	uint32_t sequence;
	uint16_t family;
	bool failed;
};

static struct nlmsghdr *batch_message(struct batch *batch, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch->messages), type, batch->family,
				     flags, batch->sequence++);
}

static void batch_table(struct batch *batch, uint16_t type, const char *name, uint16_t flags)
{
	struct nftnl_table *table = nftnl_table_alloc();

	if (!table) {
		batch->failed = true;
		return;
	}
	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, batch->family);
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
	nftnl_table_nlmsg_build_payload(batch_message(batch, type, flags), table);
	nftnl_table_free(table);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

struct base_chain {
	const char *type;
	uint32_t hook;
	int32_t priority;
};

static struct base_chain base_of(enum nft_chain chain)
{
	static const struct base_chain bases[] = {
		[NFT_POSTROUTING] = { "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT },
		[NFT_FORWARD] = { "filter", NF_INET_FORWARD, 0 },
		[NFT_INPUT] = { "filter", NF_INET_LOCAL_IN, 0 },
		[NFT_PREROUTING] = { "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT },
		[NFT_OUTPUT] = { "nat", NF_INET_LOCAL_OUT, PRIORITY_DSTNAT },
		[NFT_EARLY] = { "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW },
		[NFT_INGRESS] = { "filter", NF_NETDEV_INGRESS, 0 },
		[NFT_SENT] = { "filter", NF_NETDEV_INGRESS, 1 },
		[NFT_RECEIVED] = { "filter", NF_NETDEV_EGRESS, 0 },
	};

	return bases[chain];
}

static void batch_chain(struct batch *batch, const struct nft_table *table, enum nft_chain which)
{
	struct base_chain base = base_of(which);
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain) {
		batch->failed = true;
		return;
	}
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, batch->family);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, table->name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, nft_rule_chain(which));
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, base.type);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, base.hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, base.priority);
	if (table->device)
		nftnl_chain_set_str(chain, NFTNL_CHAIN_DEV, table->device);
	nftnl_chain_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE),
					chain);
	nftnl_chain_free(chain);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

/* A set in which a rule counts the connections of each sender; the kernel drops senders without any. */
static void batch_set(struct batch *batch, const struct nft_table *table)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set) {
		batch->failed = true;
		return;
	}
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, batch->family);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table->name);
	nftnl_set_set_str(set, NFTNL_SET_NAME, nft_rule_senders);
	nftnl_set_set_u32(set, NFTNL_SET_ID, 1);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_EVAL);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, KEY_ETHER);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, ETH_ALEN);
	nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, SENDERS_MAX);
	nftnl_set_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWSET, NLM_F_CREATE), set);
	nftnl_set_free(set);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

/* Removes all rules of a chain. */
static void batch_flush(struct batch *batch, const struct nft_table *table, enum nft_chain which)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule) {
		batch->failed = true;
		return;
	}
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, batch->family);
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table->name);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, nft_rule_chain(which));
	nftnl_rule_nlmsg_build_payload(batch_message(batch, NFT_MSG_DELRULE, 0), rule);
	nftnl_rule_free(rule);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

static void batch_flow_set(struct batch *batch, const struct nft_table *table, unsigned which,
			   uint16_t type)
{
	struct nftnl_set *set = nft_flow_set(table, which);

	if (!set) {
		batch->failed = true;
		return;
	}
	nftnl_set_nlmsg_build_payload(batch_message(batch, type,
						    type == NFT_MSG_NEWSET ? NLM_F_CREATE : 0),
				      set);
	nftnl_set_free(set);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

/* The sets of flows; those that exist stay as they are. */
static void batch_flows(struct batch *batch, const struct nft_table *table)
{
	for (unsigned i = 0; i < NFT_FLOW_SETS; i++)
		batch_flow_set(batch, table, i, NFT_MSG_NEWSET);
}

/*
 * Other rules know nothing of the flows that the former allowed. The sets are replaced, not emptied, because the former
 * rules add to theirs until the transaction ends.
 */
static void batch_flows_judged_anew(struct batch *batch, const struct nft_table *table)
{
	for (unsigned i = NFT_FLOW_SETS_KEPT; i < NFT_FLOW_SETS; i++) {
		batch_flow_set(batch, table, i, NFT_MSG_DELSET);
		batch_flow_set(batch, table, i, NFT_MSG_NEWSET);
	}
}

static void batch_rule(struct batch *batch, const struct nft_table *table,
		       const struct nft_rule *from)
{
	struct nftnl_rule *rule = nft_rule_make(table, from);

	if (!rule) {
		batch->failed = true;
		return;
	}
	nftnl_rule_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWRULE,
						     NLM_F_CREATE | NLM_F_APPEND),
				       rule);
	nftnl_rule_free(rule);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

static int batch_start(struct batch *batch, const struct nft_table *table)
{
	int r = nft_library();

	if (r < 0)
		return r;
	size_t room = BATCH_ROOM + table->count * RULE_ROOM;
	/*
	 * The spare half takes a message that no longer fits, so that it is noticed instead of written out of bounds.
	 */
	*batch = (struct batch){ .sequence = 1,
				 .family = (uint16_t)nft_rule_family(table),
				 .data = malloc(2 * room) };
	if (batch->data)
		batch->messages = mnl_nlmsg_batch_start(batch->data, room);
	if (!batch->messages) {
		free(batch->data);
		return -ENOMEM;
	}
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch->messages), batch->sequence++);
	mnl_nlmsg_batch_next(batch->messages);
	return 0;
}

/* Only the last message asks for an acknowledgement: the kernel answers in order, errors always. */
static int batch_send(struct batch *batch)
{
	nftnl_batch_end(mnl_nlmsg_batch_current(batch->messages), batch->sequence++);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
	int r = -ENOMEM;
	if (!batch->failed)
		r = nft_request(mnl_nlmsg_batch_head(batch->messages),
				mnl_nlmsg_batch_size(batch->messages), NULL, NULL);
	mnl_nlmsg_batch_stop(batch->messages);
	free(batch->data);
	return r;
}

/* Ways of a table to its rules: none is there; the present one goes; or it keeps its sets of flows, and has other rules. */
enum way { WAY_NEW, WAY_REPLACE, WAY_KEEP };

static int put_table(const struct nft_table *table, enum way way)
{
	struct batch batch;
	int r = batch_start(&batch, table);

	if (r < 0)
		return r;
	if (way == WAY_REPLACE) {
		/* Added before it is deleted, because deleting a missing table would fail the batch. */
		batch_table(&batch, NFT_MSG_NEWTABLE, table->name, NLM_F_CREATE);
		batch_table(&batch, NFT_MSG_DELTABLE, table->name, 0);
	}
	batch_table(&batch, NFT_MSG_NEWTABLE, table->name,
		    (uint16_t)(NLM_F_CREATE | (way == WAY_NEW ? NLM_F_EXCL : 0)));
	if (table->tracked)
		batch_flows(&batch, table);
	for (enum nft_chain chain = NFT_INGRESS; way == WAY_KEEP && chain <= NFT_RECEIVED;
	     chain++) {
		batch_chain(&batch, table, chain);
		batch_flush(&batch, table, chain);
	}
	if (way == WAY_KEEP && table->tracked)
		batch_flows_judged_anew(&batch, table);
	for (size_t i = 0; i < table->count; i++) {
		/* The rules of a chain stand together. */
		if (way != WAY_KEEP &&
		    (i == 0 || table->rules[i].chain != table->rules[i - 1].chain))
			batch_chain(&batch, table, table->rules[i].chain);
		if (table->rules[i].connections)
			batch_set(&batch, table);
		batch_rule(&batch, table, &table->rules[i]);
	}
	batch_table(&batch, NFT_MSG_NEWTABLE, table->name, NLM_F_ACK);
	return batch_send(&batch);
}

int nft_replace(const struct nft_table *table)
{
	/* A deletion, even of nothing, costs the next change of links a grace period. */
	int r = put_table(table, WAY_NEW);

	if (r != -EEXIST)
		return r;
	r = table->tracked ? put_table(table, WAY_KEEP) : -EEXIST;
	/* A table of another form, such as one of another version, cannot be kept. */
	return r < 0 ? put_table(table, WAY_REPLACE) : 0;
}

int nft_remove(const struct nft_table *table)
{
	struct batch batch;
	int r = batch_start(&batch, table);

	if (r < 0)
		return r;
	batch_table(&batch, NFT_MSG_NEWTABLE, table->name, NLM_F_CREATE);
	batch_table(&batch, NFT_MSG_DELTABLE, table->name, NLM_F_ACK);
	r = batch_send(&batch);
	/* A kernel without nf_tables has no tables. */
	return r == -EOPNOTSUPP ? 0 : r;
}
