/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport to nf_tables, a batch of changes, and the existing tables. */
#include "kern/nft.h"

#include "kern/nft_calls.h"
#include "kern/nft_flow.h"
#include "kern/nft_rule.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_ROOM = 32768,
	BATCH_ROOM = 8192, /* for all but the rules */
	RULE_ROOM = 2048,
	SEND_ROOM = 100000,
	TRIES = 10,
	PRIORITY_SRCNAT = 100,
	PRIORITY_DSTNAT = -100,
	PRIORITY_RAW = -300,
	KEY_ETHER = 9, /* nft's own number of a type, for people who list the table */
	SENDERS_MAX = 65535
};

struct nft_calls nft_calls;

static const char *const names[] = { NFT_CALLS(LIBRARY_NAME) };
static struct library libnftnl = { "libnftnl.so.11", names, sizeof names / sizeof *names,
				   &nft_calls, false };

const char *nft_why(int code)
{
	return code == -ELIBACC ? library_why() : strerror(-code);
}

/* libmnl returns -1 and errno. The error of a kernel without nf_tables depends on what it lacks. */
static int failure(void)
{
	switch (errno) {
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
	case ENOENT: /* of an expression or a chain type, where the callers expect no other */
		return -EOPNOTSUPP;
	default:
		return errno ? -errno : -EIO;
	}
}

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
	*nl = NULL;
}
#define scoped_mnl __attribute__((cleanup(close_socket)))

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int saved = errno;
		close_socket(&nl);
		errno = saved;
	}
	return nl;
}

/* Reads answers until the acknowledgement, the end of a dump, or an error: 0, or -1 and errno. */
static int read_answers(struct mnl_socket *nl, mnl_cb_t each, void *context)
{
	char buffer[ANSWER_ROOM];
	int more = 1;

	while (more > 0) {
		ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		/* Sequence and port are not compared: the socket belongs to this process and serves one request. */
		more = mnl_cb_run(buffer, (size_t)n, 0, 0, each, context);
	}
	return more;
}

static int send_request(const void *data, size_t size, mnl_cb_t each, void *context)
{
	scoped_mnl struct mnl_socket *nl = open_socket();
	int room = (int)(2 * size);

	/* The kernel's default has room for some hundred rules. */
	if (nl && size > SEND_ROOM)
		setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	if (!nl || mnl_socket_sendto(nl, data, size) < 0)
		return failure();
	return read_answers(nl, each, context) < 0 ? failure() : 0;
}

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

/* The sets of flows; those that exist stay as they are. */
static void batch_flows(struct batch *batch, const struct nft_table *table)
{
	for (unsigned i = 0; i < NFT_FLOW_SETS; i++) {
		struct nftnl_set *set = nft_flow_set(table, i);
		if (!set) {
			batch->failed = true;
			return;
		}
		nftnl_set_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWSET, NLM_F_CREATE),
					      set);
		nftnl_set_free(set);
		batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
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
	int r = library_load(&libnftnl);

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
		r = send_request(mnl_nlmsg_batch_head(batch->messages),
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
	int r = library_load(&libnftnl);

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
		r = send_request(head, head->nlmsg_len, count_rule, count);
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
	int r = library_load(&libnftnl);

	if (r < 0)
		return r;
	struct nlmsghdr *head =
		nftnl_nlmsg_build_hdr(data, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 1);
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = send_request(head, head->nlmsg_len, compare_chain, &search);
	if (r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? r : search.found;
}
