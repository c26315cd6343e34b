#include "kern/nft.h"

#include "base/scoped.h"

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

enum { BATCH_ROOM = 32768, TRIES = 10, PRIORITY_SRCNAT = 100 };

static uint32_t family_of(const struct nft_table *table)
{
	return table->device ? NFPROTO_NETDEV : NFPROTO_INET;
}

static const char *chain_of(const struct nft_table *table)
{
	return table->device ? "ingress" : "postrouting";
}

/* libmnl says -1 and errno. What a kernel without nf_tables says depends on what it lacks. */
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
	char buffer[BATCH_ROOM];
	int more = 1;

	while (more > 0) {
		ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		/* Sequence and port are not compared: the socket is ours and serves one request. */
		more = mnl_cb_run(buffer, (size_t)n, 0, 0, each, context);
	}
	return more;
}

static int send_request(const void *data, size_t size, mnl_cb_t each, void *context)
{
	scoped_mnl struct mnl_socket *nl = open_socket();

	if (!nl || mnl_socket_sendto(nl, data, size) < 0)
		return failure();
	return read_answers(nl, each, context) < 0 ? failure() : 0;
}

static struct nftnl_expr *add_expr(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	if (expr)
		nftnl_rule_add_expr(rule, expr);
	else
		errno = ENOMEM;
	return expr;
}

static bool add_meta(struct nftnl_rule *rule, uint32_t key)
{
	struct nftnl_expr *expr = add_expr(rule, "meta");

	if (!expr)
		return false;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
	return true;
}

static bool add_compare(struct nftnl_rule *rule, bool inverted, const void *data, uint32_t size)
{
	struct nftnl_expr *expr = add_expr(rule, "cmp");

	if (!expr)
		return false;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, inverted ? NFT_CMP_NEQ : NFT_CMP_EQ);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, size);
	return true;
}

static bool add_load(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t length)
{
	struct nftnl_expr *load = add_expr(rule, "payload");

	if (!load)
		return false;
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, length);
	return true;
}

/* An IPv4 address of the packet, its host bits cleared, against a network. */
static bool add_network(struct nftnl_rule *rule, const struct nft_match *match)
{
	/* RFC 791: the source stands at byte 12 of the header, the destination at 16. */
	uint32_t offset = match->field == NFT_FIELD_FROM ? 12 : 16;
	uint32_t mask = match->prefix ? htonl(UINT32_MAX << (32 - match->prefix)) : 0;
	uint32_t network = match->network.s_addr & mask;
	uint32_t zero = 0;

	if (!add_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof network))
		return false;
	struct nftnl_expr *bits = add_expr(rule, "bitwise");
	if (!bits)
		return false;
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_LEN, sizeof network);
	nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof mask);
	nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof zero);
	return add_compare(rule, match->inverted, &network, sizeof network);
}

static bool add_out(struct nftnl_rule *rule, const struct nft_match *match)
{
	char link[IFNAMSIZ] = "";

	/* The kernel keeps names in whole registers, filled up with zeros. */
	memcpy(link, match->link, strnlen(match->link, sizeof link - 1));
	return add_meta(rule, NFT_META_OIFNAME) &&
	       add_compare(rule, match->inverted, link, sizeof link);
}

static bool add_bytes(struct nftnl_rule *rule, const struct nft_match *match, uint32_t base)
{
	return add_load(rule, base, match->offset, match->length) &&
	       add_compare(rule, match->inverted, match->bytes, match->length);
}

static bool add_match(struct nftnl_rule *rule, const struct nft_match *match)
{
	uint16_t protocol = htons((uint16_t)match->number);
	uint8_t transport = (uint8_t)match->number;

	switch (match->field) {
	case NFT_FIELD_OUT:
		return add_out(rule, match);
	case NFT_FIELD_PROTOCOL:
		return add_meta(rule, NFT_META_PROTOCOL) &&
		       add_compare(rule, match->inverted, &protocol, sizeof protocol);
	case NFT_FIELD_TRANSPORT:
		return add_meta(rule, NFT_META_L4PROTO) &&
		       add_compare(rule, match->inverted, &transport, sizeof transport);
	case NFT_FIELD_FRAME:
		return add_bytes(rule, match, NFT_PAYLOAD_LL_HEADER);
	case NFT_FIELD_PACKET:
		return add_bytes(rule, match, NFT_PAYLOAD_NETWORK_HEADER);
	case NFT_FIELD_SEGMENT:
		return add_bytes(rule, match, NFT_PAYLOAD_TRANSPORT_HEADER);
	case NFT_FIELD_FROM:
	case NFT_FIELD_TO:
		break;
	}
	return add_network(rule, match);
}

static bool add_verdict(struct nftnl_rule *rule, enum nft_verdict verdict)
{
	struct nftnl_expr *expr = add_expr(rule, verdict == NFT_MASQUERADE ? "masq" : "immediate");

	if (!expr)
		return false;
	if (verdict != NFT_MASQUERADE) {
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT,
				   verdict == NFT_DROP ? NF_DROP : NF_ACCEPT);
	}
	return true;
}

static bool set_comment(struct nftnl_rule *rule, const char *comment)
{
	struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(128);

	if (!data)
		return false;
	bool done = nftnl_udata_put_strz(data, NFTNL_UDATA_RULE_COMMENT, comment);
	if (done)
		nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data),
				    nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
	return done;
}

/* An inet table sees IPv6 too, whose header has other bytes where the addresses would be. */
static bool only_ipv4(struct nftnl_rule *rule)
{
	const uint8_t ipv4 = NFPROTO_IPV4;

	return add_meta(rule, NFT_META_NFPROTO) && add_compare(rule, false, &ipv4, sizeof ipv4);
}

static struct nftnl_rule *make_rule(const struct nft_table *table, const struct nft_rule *from)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return NULL;
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, family_of(table));
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table->name);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain_of(table));
	bool done = set_comment(rule, table->mark) && (table->device || only_ipv4(rule));
	for (unsigned i = 0; done && i < from->matches; i++)
		done = add_match(rule, &from->match[i]);
	if (done && add_verdict(rule, from->verdict))
		return rule;
	nftnl_rule_free(rule);
	return NULL;
}

/* A batch that is being filled; nothing of it counts before its end. */
struct batch {
	char data[BATCH_ROOM];
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

static void batch_chain(struct batch *batch, const struct nft_table *table)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain) {
		batch->failed = true;
		return;
	}
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, batch->family);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, table->name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, chain_of(table));
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, table->device ? "filter" : "nat");
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM,
			    table->device ? (uint32_t)NF_NETDEV_INGRESS
					  : (uint32_t)NF_INET_POST_ROUTING);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, table->device ? 0 : PRIORITY_SRCNAT);
	if (table->device)
		nftnl_chain_set_str(chain, NFTNL_CHAIN_DEV, table->device);
	nftnl_chain_nlmsg_build_payload(batch_message(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE),
					chain);
	nftnl_chain_free(chain);
	batch->failed |= !mnl_nlmsg_batch_next(batch->messages);
}

static void batch_rule(struct batch *batch, const struct nft_table *table,
		       const struct nft_rule *from)
{
	struct nftnl_rule *rule = make_rule(table, from);

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
	*batch = (struct batch){ .sequence = 1, .family = (uint16_t)family_of(table) };
	/* The spare half takes a message that no longer fits, so that it is noticed, not written past. */
	batch->messages = mnl_nlmsg_batch_start(batch->data, sizeof batch->data / 2);
	if (!batch->messages)
		return -ENOMEM;
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
	return r;
}

static int put_table(const struct nft_table *table, bool replace)
{
	struct batch batch;
	int r = batch_start(&batch, table);

	if (r < 0)
		return r;
	if (replace) {
		/* Added before it is deleted, since deleting what is not there would fail the batch. */
		batch_table(&batch, NFT_MSG_NEWTABLE, table->name, NLM_F_CREATE);
		batch_table(&batch, NFT_MSG_DELTABLE, table->name, 0);
	}
	batch_table(&batch, NFT_MSG_NEWTABLE, table->name,
		    (uint16_t)(NLM_F_CREATE | (replace ? 0 : NLM_F_EXCL)));
	batch_chain(&batch, table);
	for (size_t i = 0; i < table->count; i++)
		batch_rule(&batch, table, &table->rules[i]);
	batch_table(&batch, NFT_MSG_NEWTABLE, table->name, NLM_F_ACK);
	return batch_send(&batch);
}

int nft_replace(const struct nft_table *table)
{
	/* What is deleted, even if it is nothing, costs the next who changes links a grace period. */
	int r = put_table(table, false);

	return r == -EEXIST ? put_table(table, true) : r;
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
	/* A kernel without nf_tables has no table either. */
	return r == -EOPNOTSUPP ? 0 : r;
}

struct rule_count {
	const struct nft_table *table;
	size_t marked, others;
};

static bool has_comment(const struct nftnl_rule *rule, const char *comment)
{
	uint32_t size = 0;
	const unsigned char *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
	size_t length = strlen(comment) + 1;

	/* As set_comment wrote it: type, length, text with its NUL. */
	return data && size == length + 2 && data[0] == NFTNL_UDATA_RULE_COMMENT &&
	       memcmp(data + 2, comment, length) == 0;
}

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
		if (has_comment(rule, count->table->mark))
			count->marked++;
		else
			count->others++;
	}
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

int nft_is_current(const struct nft_table *table)
{
	char data[1024];
	struct rule_count count;
	struct nftnl_rule *filter = nftnl_rule_alloc();
	int r = -EINTR;

	if (!filter)
		return -ENOMEM;
	nftnl_rule_set_str(filter, NFTNL_RULE_TABLE, table->name);
	struct nlmsghdr *head = nftnl_nlmsg_build_hdr(data, NFT_MSG_GETRULE,
						      (uint16_t)family_of(table), NLM_F_DUMP, 1);
	nftnl_rule_nlmsg_build_payload(head, filter);
	nftnl_rule_free(filter);
	/* EINTR: the rules changed while they were listed. */
	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		count = (struct rule_count){ .table = table };
		r = send_request(head, head->nlmsg_len, count_rule, &count);
	}
	if (r == -EOPNOTSUPP) /* no such table, or no nf_tables at all */
		return 0;
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
	int r = -EINTR;
	struct nlmsghdr *head =
		nftnl_nlmsg_build_hdr(data, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 1);

	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = send_request(head, head->nlmsg_len, compare_chain, &search);
	if (r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? r : search.found;
}
