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

enum { LOOPBACK = 0x7f000000, LOOPBACK_BITS = 8, BESIDES = 3 /* rules beside those of ports */ };

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

static struct nft_match from(in_addr_t network, unsigned prefix)
{
	return (struct nft_match){ .field = NFT_FIELD_FROM,
				   .network = { network },
				   .prefix = prefix };
}

/* Without such a rule a machine could reach programs that listen only on the host's loopback addresses. */
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

static struct nft_rule redirect(const struct lease *lease, const struct forward *forward,
				unsigned which, enum nft_chain chain)
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
		.to = lease->address,
		.port = forward->to == forward->first ? 0 : forward->to + which,
	};

	if (forward->listen)
		rule.match[rule.matches++] = (struct nft_match){ .field = NFT_FIELD_TO,
								 .network = { forward->listen },
								 .prefix = 32 };
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

	text_add(&identity, "1 %08x", lease->address.s_addr);
	for (size_t i = 0; i < count; i++)
		text_add(&identity, " %d %08x %u %u %u", forwards[i].udp, forwards[i].listen,
			 forwards[i].first, forwards[i].last, forwards[i].to);
	snprintf(ruleset->mark, sizeof ruleset->mark, "berth %016llx",
		 (unsigned long long)text_hash(text_str(&identity)));
	ruleset->table.mark = ruleset->mark;
}

static int fill(const struct network *network, const struct lease *lease,
		const struct forward *forwards, size_t count, struct ruleset *ruleset)
{
	static const enum nft_chain chains[] = { NFT_PREROUTING, NFT_OUTPUT };
	in_addr_t subnet = lease->gateway.s_addr & htonl(UINT32_MAX << (32 - network->prefix));
	size_t all = BESIDES, n = 0;

	name_table(network, lease->name, ruleset);
	set_mark(lease, forwards, count, ruleset);
	for (size_t i = 0; i < count; i++)
		all += 2 * rules_of(&forwards[i]);
	ruleset->rules = calloc(all, sizeof *ruleset->rules);
	if (!ruleset->rules)
		return -ENOMEM;
	ruleset->rules[n++] = drop_loopback(network);
	for (size_t c = 0; c < 2; c++) {
		for (size_t i = 0; i < count; i++) {
			for (unsigned which = 0; which < rules_of(&forwards[i]); which++)
				ruleset->rules[n++] =
					redirect(lease, &forwards[i], which, chains[c]);
		}
	}
	ruleset->rules[n++] = masquerade(network, lease, from(subnet, network->prefix));
	ruleset->rules[n++] = masquerade(network, lease, from(htonl(LOOPBACK), LOOPBACK_BITS));
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

int forward_check_host(const struct forward *forward, struct err *err)
{
	const struct in_addr listen = { forward->listen };
	char owner[HOST_PORT_OWNER];

	for (unsigned port = forward->first; port <= forward->last; port++) {
		int r = host_port_probe(forward->udp, listen, (uint16_t)port);
		if (r == -EADDRINUSE) {
			host_port_owner(forward->udp, (uint16_t)port, owner);
			return err_set(err, EADDRINUSE, "port %u/%s of this host is used by %s",
				       port, forward->udp ? "udp" : "tcp", owner);
		}
		if (r == -EADDRNOTAVAIL)
			return err_set(err, EADDRNOTAVAIL,
				       "this host has no address %s to listen on",
				       inet_ntoa(listen));
	}
	return 0;
}
