/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of nftables, replaced or removed in one batch (libmnl, libnftnl). No policy. */
#ifndef BERTH_KERN_NFT_H
#define BERTH_KERN_NFT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One condition of a rule; all conditions of a rule must hold. */
struct nft_match {
	enum nft_field {
		NFT_FIELD_IN,        /* the link that the packet came in by */
		NFT_FIELD_OUT,       /* the link that the packet goes out by */
		NFT_FIELD_FROM,      /* an IPv4 network */
		NFT_FIELD_TO,        /* an IPv4 network */
		NFT_FIELD_FROM6,     /* an IPv6 network: bytes and prefix */
		NFT_FIELD_TO6,       /* the same */
		NFT_FIELD_PROTOCOL,  /* number: its ethertype */
		NFT_FIELD_TRANSPORT, /* number: IPPROTO_, behind IPv6's extension headers */
		NFT_FIELD_FRAME,     /* bytes at an offset of the link's header */
		NFT_FIELD_PACKET,    /* of the network's, IPv4, IPv6 or ARP */
		NFT_FIELD_SEGMENT,   /* of the transport's; a packet without it does not match */
		NFT_FIELD_PORT, /* number to last: the port that a segment is for; only one port can be inverted */
		NFT_FIELD_ICMP, /* number to last: the type of a message, the first byte of the transport's */
		NFT_FIELD_FLOW,       /* the packet's flow is in the set `flows` of the table */
		NFT_FIELD_TO_HOST,    /* the destination is an address of this host */
		NFT_FIELD_TRANSLATED, /* the connection's destination was replaced, by whatever rule */
	} field;
	bool inverted;
	const char *link; /* NFT_FIELD_IN, NFT_FIELD_OUT */
	struct in_addr network;
	unsigned prefix;
	unsigned number, last;
	unsigned offset, length;
	unsigned char bytes[16];
	/* NFT_FIELD_PACKET, NFT_FIELD_SEGMENT of up to two bytes: the bits that are compared; all 0: every bit */
	unsigned char mask[2];
	enum nft_flows {
		NFT_NO_FLOWS,
		NFT_OPENED_OUT,
		NFT_OPENED_IN,
		/* of those, the ones that the present rules have allowed */
		NFT_ALLOWED_OUT,
		NFT_ALLOWED_IN,
	} flows;
};

enum { NFT_MATCHES = 7 };

/*
 * Flows that a rule notes in a set of the table: the transport, both ports and the peer's address; of ICMP echoes the
 * identifier in place of ports. A rule whose set is full does not match.
 */
struct nft_note {
	enum nft_flows flows; /* NFT_NO_FLOWS: it notes none */
	unsigned seconds;     /* after which the kernel forgets the flow */
	bool refresh;         /* a flow that is known lasts as long from now on, else as before */
	/* not NFT_NO_FLOWS: the flow is noted there as well, but for no longer than a minute */
	enum nft_flows also;
};

struct nft_rule {
	/* for a table without a device: the chain of the rule */
	enum nft_chain {
		NFT_POSTROUTING,
		NFT_FORWARD,
		NFT_INPUT,
		NFT_PREROUTING,
		NFT_OUTPUT,
		NFT_EARLY,
		/* of a table with a device */
		NFT_INGRESS,
		NFT_SENT,
		NFT_RECEIVED,
	} chain;
	bool ipv6; /* in chains that serve one family, and for flows: the rule is for IPv6, not IPv4 */
	bool echo; /* its flows are those of ICMP echoes */
	struct nft_match match[NFT_MATCHES];
	unsigned matches;
	/*
	 * not 0: matches only packets that would open more than this many connections from one hardware address at once
	 */
	unsigned connections;
	struct nft_note note;
	/* not NULL: the kernel logs packets that match, a few a second, with this prefix; others pass the rule */
	const char *log;
	bool counted; /* the kernel counts the packets that match */
	/* NFT_GO_ON: the next rule judges the packet */
	enum nft_verdict { NFT_MASQUERADE, NFT_ACCEPT, NFT_DROP, NFT_REDIRECT, NFT_GO_ON } verdict;
	/* NFT_REDIRECT: the new destination of the connection; port 0: the port stays */
	struct in_addr to;
	struct in6_addr to6; /* with ipv6 */
	unsigned port;
};

/*
 * A table. Without a device: family inet, with the base chains that its rules name: "postrouting" (type nat, priority
 * srcnat), "prerouting" and "output" (type nat, priority dstnat), "early" (prerouting, priority raw), whose rules are
 * for one family each, and "forward" and "input" (priority filter, IPv4 and IPv6). With a device: family netdev, with
 * the chain "ingress", which sees what that link receives before anything else, "sent", which sees what "ingress"
 * accepts, and "received" (Linux 5.16), which sees what goes out by the link, and which the peer of a veth pair
 * receives. All pointers are borrowed.
 */
struct nft_table {
	const char *name;
	const char *device; /* or NULL */
	const char
		*mark; /* comment of every rule; identifies this version of the rules; at most 64 */
	const struct nft_rule *rules;
	size_t count;
	bool tracked; /* with a device: it has the sets of flows, each bounded; a replacement keeps those of opened flows */
};

/*
 * All are quiet: 0 or -errno. -EOPNOTSUPP: the kernel lacks nf_tables or a part of it. -ELIBACC: libnftnl is missing.
 */

/* The cause that a code of the functions below means, for the end of a sentence. */
const char *nft_why(int code);

/* Replaces the table with all its rules in one transaction. */
int nft_replace(const struct nft_table *table);

/* Removes the table, which name and device identify; 0 also if there is none. */
int nft_remove(const struct nft_table *table);

/* 1 if the table has exactly count rules, all with its mark; else 0. One request. */
int nft_is_current(const struct nft_table *table);

/* 1 if the table has rules with another mark, as those of an earlier version; else 0. One request. */
int nft_is_other(const struct nft_table *table);

/*
 * The sum of the packets that the counted rules of one of its chains have matched; 0 if there is no such table. One
 * request.
 */
int nft_count(const struct nft_table *table, enum nft_chain chain, uint64_t *packets);

/*
 * The packets that each rule has matched, in the order of the table's rules. 1; 0: the table has other rules. One
 * request.
 */
int nft_count_each(const struct nft_table *table, uint64_t *packets);

/*
 * Finds a base chain, of any owner, with policy drop for forwarded packets, as "ip filter FORWARD": no accept rule of
 * ours could override it. 1, or 0 if there is none.
 */
int nft_forward_policy_drop(char *out, size_t room);

#endif
