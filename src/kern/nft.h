/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of nftables, replaced or removed in one batch (libmnl, libnftnl). No policy. */
#ifndef BERTH_KERN_NFT_H
#define BERTH_KERN_NFT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* What a packet must be like: all matches of a rule. */
struct nft_match {
	enum nft_field {
		NFT_FIELD_IN,        /* the link that it came by */
		NFT_FIELD_OUT,       /* the link that it leaves by */
		NFT_FIELD_FROM,      /* an IPv4 network */
		NFT_FIELD_TO,        /* an IPv4 network */
		NFT_FIELD_PROTOCOL,  /* number: its ethertype */
		NFT_FIELD_TRANSPORT, /* number: IPPROTO_, behind IPv6's extension headers */
		NFT_FIELD_FRAME,     /* bytes at an offset of the link's header */
		NFT_FIELD_PACKET,    /* of the network's, IPv4, IPv6 or ARP */
		NFT_FIELD_SEGMENT,   /* of the transport's; a packet without it does not match */
	} field;
	bool inverted;
	const char *link; /* NFT_FIELD_IN, NFT_FIELD_OUT */
	struct in_addr network;
	unsigned prefix;
	unsigned number;
	unsigned offset, length;
	unsigned char bytes[16];
};

enum { NFT_MATCHES = 5 };

struct nft_rule {
	/* Of a table without a device: which of its chains it stands in. */
	enum nft_chain { NFT_POSTROUTING, NFT_FORWARD, NFT_INPUT } chain;
	struct nft_match match[NFT_MATCHES];
	unsigned matches;
	/* 0, or: only what would be one connection more than these of one hardware address at once. */
	unsigned connections;
	enum nft_verdict { NFT_MASQUERADE, NFT_ACCEPT, NFT_DROP } verdict;
};

/*
 * A table: of family inet, with the base chains that its rules name, "postrouting" of type nat at srcnat
 * priority, whose rules see IPv4 alone, and "forward" and "input" at filter priority, which see IPv6 too; or, with
 * a device, of family netdev, with one chain "ingress", before anything else looks at what that link
 * receives. All borrowed.
 */
struct nft_table {
	const char *name;
	const char *device; /* or NULL */
	const char *mark;   /* every rule's comment: tells this contents from another; at most 64 */
	const struct nft_rule *rules;
	size_t count;
};

/* All quiet: 0 or -errno. -EOPNOTSUPP: the kernel has no nf_tables, or lacks a part of it. -ELIBACC: we lack libnftnl. */

/* For a sentence: what one of the functions below came to. */
const char *nft_why(int code);

/* In one transaction: whatever the table held is gone, and it holds this. */
int nft_replace(const struct nft_table *table);

/* Success if it is gone already. Of the table, name and device tell which. */
int nft_remove(const struct nft_table *table);

/* 1 when it holds exactly count rules and all bear its mark, 0 when not. One request. */
int nft_is_current(const struct nft_table *table);

/*
 * The first base chain of anybody's that drops what is forwarded unless a rule of its own lets it
 * pass, as "ip filter FORWARD"; an accept of ours could not undo that. 1, 0 when there is none.
 */
int nft_forward_policy_drop(char *out, size_t room);

#endif
