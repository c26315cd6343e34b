/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/forward.h"
#include "config/values.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/host_port.h"
#include "kern/nft.h"
#include "network/link_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPBACK = 0x7f000000, LOOPBACK_BITS = 8, BESIDES = 4 /* rules beside those of ports */ };

int forward_list_add(struct forward_list *list, const struct forward *forward)
{
	struct forward *longer = realloc(list->list, (list->count + 1) * sizeof *longer);

	if (!longer)
		return -ENOMEM;
	longer[list->count++] = *forward;
	list->list = longer;
	return 0;
}

void forward_list_free(struct forward_list *list)
{
	free(list->list);
	*list = (struct forward_list){ 0 };
}

struct ruleset {
	char name[32];
	char mark[32];
	struct nft_rule *rules; /* owned */
	struct nft_table table;
};

static void ruleset_free(struct ruleset *ruleset)
{
	free(ruleset->rules);
}
#define scoped_ruleset __attribute__((cleanup(ruleset_free)))

/* A range whose ports stay is one rule, another one a rule for each port. */
static unsigned rules_of(const struct forward *forward)
{
	return forward->to == forward->first ? 1 : forward->last - forward->first + 1u;
}

/* Whether the rules of a family have a forward. The machine may have no IPv6 address. */
static bool is_in(const struct forward *forward, bool six, const struct lease *lease)
{
	return (!six || lease->prefix6) && forward->family != (six ? AF_INET : AF_INET6);
}

static struct nft_match address6(enum nft_field field, const struct in6_addr *address,
				 unsigned prefix)
{
	struct nft_match match = { .field = field, .prefix = prefix };

	memcpy(match.bytes, address, sizeof *address);
	for (unsigned bit = prefix; bit < 128; bit++)
		match.bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	return match;
}

static struct nft_match from(in_addr_t network, unsigned prefix)
{
	return (struct nft_match){ .field = NFT_FIELD_FROM,
				   .network = { network },
				   .prefix = prefix };
}

/*
 * Without such a rule a machine could reach programs that listen only on the host's loopback addresses. The kernel
 * itself refuses packets for ::1 that come from a link.
 */
static struct nft_rule drop_loopback(const struct network *network)
{
	return (struct nft_rule){
		.chain = NFT_EARLY,
		.matches = 2,
		.match = { { .field = NFT_FIELD_IN, .link = network->config.bridge },
			   { .field = NFT_FIELD_TO,
			     .network = { htonl(LOOPBACK) },
			     .prefix = LOOPBACK_BITS } },
		.verdict = NFT_DROP,
	};
}

static struct nft_match listens(const struct forward *forward, bool six)
{
	struct nft_match match = { .field = NFT_FIELD_TO, .prefix = 32 };

	if (six)
		return address6(NFT_FIELD_TO6, (const struct in6_addr *)forward->listen, 128);
	memcpy(&match.network, forward->listen, sizeof match.network);
	return match;
}

/*
 * The kernel takes an answer to ::1 from no link but lo, and has no setting like IPv4's route_localnet. A connection to
 * ::1 that went to the machine would hang; as it is, it is refused at once, and programs try 127.0.0.1.
 */
static struct nft_match not_loopback6(void)
{
	struct nft_match match = address6(NFT_FIELD_TO6, &in6addr_loopback, 128);

	match.inverted = true;
	return match;
}

static struct nft_rule redirect(const struct lease *lease, const struct forward *forward,
				unsigned which, enum nft_chain chain, bool six)
{
	bool single = rules_of(forward) > 1;
	unsigned first = forward->first + which;
	struct nft_rule rule = {
		.chain = chain,
		.matches = 3,
		.match = { { .field = NFT_FIELD_TO_HOST },
			   { .field = NFT_FIELD_TRANSPORT,
			     .number = forward->udp ? IPPROTO_UDP : IPPROTO_TCP },
			   { .field = NFT_FIELD_PORT,
			     .number = first,
			     .last = single ? first : forward->last } },
		.verdict = NFT_REDIRECT,
		.ipv6 = six,
		.to = lease->address,
		.to6 = lease->address6,
		.port = forward->to == forward->first ? 0 : forward->to + which,
	};

	if (forward_is_bound(forward))
		rule.match[rule.matches++] = listens(forward, six);
	else if (six && chain == NFT_OUTPUT)
		rule.match[rule.matches++] = not_loopback6();
	return rule;
}

/*
 * A machine would answer another one directly, past the translation, and cannot answer a loopback address at all: such
 * connections come from the bridge's own address.
 */
static struct nft_rule masquerade(const struct network *network, const struct lease *lease,
				  struct nft_match source)
{
	return (struct nft_rule){
		.chain = NFT_POSTROUTING,
		.matches = 4,
		.match = { { .field = NFT_FIELD_OUT, .link = network->config.bridge },
			   { .field = NFT_FIELD_TO, .network = lease->address, .prefix = 32 },
			   { .field = NFT_FIELD_TRANSLATED },
			   source },
		.verdict = NFT_MASQUERADE,
	};
}

/* The same for IPv6. */
static struct nft_rule masquerade6(const struct network *network, const struct lease *lease,
				   struct nft_match source)
{
	struct nft_rule rule = masquerade(network, lease, source);

	rule.ipv6 = true;
	rule.match[1] = address6(NFT_FIELD_TO6, &lease->address6, 128);
	return rule;
}

static void name_table(const struct network *network, const char *name, struct ruleset *ruleset)
{
	char ifname[IFNAMSIZ];

	*ruleset = (struct ruleset){ 0 };
	port_ifname(network, name, ifname);
	snprintf(ruleset->name, sizeof ruleset->name, "berth-%s", ifname);
	ruleset->table.name = ruleset->name;
}

/* A part of every rule, which tells other forwards, another address and other versions of the rules. */
static void set_mark(const struct lease *lease, const struct forward *forwards, size_t count,
		     struct ruleset *ruleset)
{
	scoped_text struct text identity = { 0 };
	char six[INET6_ADDRSTRLEN] = "", listen[INET6_ADDRSTRLEN] = "";

	if (lease->prefix6)
		inet_ntop(AF_INET6, &lease->address6, six, sizeof six);
	text_add(&identity, "2 %08x %s", lease->address.s_addr, six);
	for (size_t i = 0; i < count; i++) {
		inet_ntop(AF_INET6, forwards[i].listen, listen, sizeof listen);
		text_add(&identity, " %d %d %s %u %u %u", forwards[i].udp, forwards[i].family,
			 listen, forwards[i].first, forwards[i].last, forwards[i].to);
	}
	snprintf(ruleset->mark, sizeof ruleset->mark, "berth %016llx",
		 (unsigned long long)text_hash(text_str(&identity)));
	ruleset->table.mark = ruleset->mark;
}

/* The rules of one chain: all forwards, in one family after the other. */
static size_t fill_chain(const struct lease *lease, const struct forward *forwards, size_t count,
			 enum nft_chain chain, struct nft_rule *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < 2 * count; i++) {
		const struct forward *forward = &forwards[i % count];
		bool six = i >= count;
		unsigned each = is_in(forward, six, lease) ? rules_of(forward) : 0;
		for (unsigned which = 0; which < each; which++)
			rules[n++] = redirect(lease, forward, which, chain, six);
	}
	return n;
}

static int fill(const struct network *network, const struct lease *lease,
		const struct forward *forwards, size_t count, struct ruleset *ruleset)
{
	in_addr_t subnet = lease->gateway.s_addr & htonl(UINT32_MAX << (32 - network->prefix));
	size_t all = BESIDES, n = 0;

	name_table(network, lease->name, ruleset);
	set_mark(lease, forwards, count, ruleset);
	for (size_t i = 0; i < count; i++)
		all += 4 * rules_of(&forwards[i]);
	ruleset->rules = calloc(all, sizeof *ruleset->rules);
	if (!ruleset->rules)
		return -ENOMEM;
	ruleset->rules[n++] = drop_loopback(network);
	n += fill_chain(lease, forwards, count, NFT_PREROUTING, ruleset->rules + n);
	n += fill_chain(lease, forwards, count, NFT_OUTPUT, ruleset->rules + n);
	ruleset->rules[n++] = masquerade(network, lease, from(subnet, network->prefix));
	ruleset->rules[n++] = masquerade(network, lease, from(htonl(LOOPBACK), LOOPBACK_BITS));
	if (lease->prefix6)
		ruleset->rules[n++] =
			masquerade6(network, lease,
				    address6(NFT_FIELD_FROM6, &lease->gateway6, lease->prefix6));
	ruleset->table.rules = ruleset->rules;
	ruleset->table.count = n;
	return 0;
}

static int tell(const struct network *network, const char *name, const struct ruleset *ruleset,
		int r, struct err *err)
{
	if (r == -EOPNOTSUPP)
		return err_set(err, EOPNOTSUPP,
			       "network '%s': the kernel cannot forward ports to '%s' (nft_nat, "
			       "nft_fib_inet); load these modules, or take the forwards out",
			       network->name, name);
	return err_set(err, -r, "network '%s': firewall table '%s': %s", network->name,
		       ruleset->name, nft_why(r));
}

int forward_update(const struct network *network, const struct lease *lease,
		   const struct forward *forwards, size_t count, struct err *err)
{
	scoped_ruleset struct ruleset ruleset = { 0 };
	int r = fill(network, lease, forwards, count, &ruleset);

	if (r == 0)
		r = nft_replace(&ruleset.table);
	return r < 0 ? tell(network, lease->name, &ruleset, r, err) : 0;
}

int forward_is_current(const struct network *network, const struct lease *lease,
		       const struct forward *forwards, size_t count)
{
	scoped_ruleset struct ruleset ruleset = { 0 };
	int r = fill(network, lease, forwards, count, &ruleset);

	return r < 0 ? r : nft_is_current(&ruleset.table);
}

int forward_remove(const struct network *network, const char *name, struct err *err)
{
	struct ruleset ruleset;

	name_table(network, name, &ruleset);
	int r = nft_remove(&ruleset.table);
	return r < 0 ? tell(network, name, &ruleset, r, err) : 0;
}

int forward_use_loopback(const struct network *network, bool on, struct err *err)
{
	char path[96];

	snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/route_localnet",
		 network->config.bridge);
	int r = file_write(AT_FDCWD, path, on ? "1" : "0");
	return r < 0 && r != -ENOENT ? err_set(err, -r, "network '%s': write '%s': %s",
					       network->name, path, strerror(-r))
				     : 0;
}

/* The same in one family. */
static int check_port(const struct forward *forward, int family, unsigned port, struct err *err)
{
	char owner[HOST_PORT_OWNER], listen[INET6_ADDRSTRLEN];
	int r = host_port_probe(forward->udp, family, forward->listen, (uint16_t)port);

	if (r == -EADDRINUSE) {
		host_port_owner(forward->udp, (uint16_t)port, owner);
		return err_set(err, EADDRINUSE, "port %u/%s of this host is used by %s", port,
			       forward->udp ? "udp" : "tcp", owner);
	}
	if (r != -EADDRNOTAVAIL || !forward_is_bound(forward))
		return 0;
	inet_ntop(family, forward->listen, listen, sizeof listen);
	return err_set(err, EADDRNOTAVAIL, "this host has no address %s to listen on", listen);
}

static bool is_held(const struct forward_list *held, const struct forward *forward, unsigned port)
{
	struct forward one = *forward;

	one.first = one.last = (uint16_t)port;
	for (size_t i = 0; i < held->count; i++) {
		if (forwards_collide(&held->list[i], &one))
			return true;
	}
	return false;
}

int forward_check_host(const struct forward *forward, bool ipv6, const struct forward_list *held,
		       struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < (ipv6 ? 2 : 1); i++) {
		if (forward->family != AF_UNSPEC && forward->family != families[i])
			continue;
		for (unsigned port = forward->first; port <= forward->last; port++) {
			if (!is_held(held, forward, port) &&
			    check_port(forward, families[i], port, err) < 0)
				return -err->code;
		}
	}
	return 0;
}
