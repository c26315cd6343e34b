/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets that firewall rules of a port never judge, and answers, which they know by their flows. For filter.c. */
#ifndef BERTH_NETWORK_FILTER_PASS_H
#define BERTH_NETWORK_FILTER_PASS_H

#include "network/network.h"
#include "network/rules.h"

/* Seconds for which a flow is remembered after its last packet. */
enum {
	FLOW_OPENING = 120,   /* TCP until the answer, and after the end of a connection */
	FLOW_OPEN = 86400,    /* TCP after data or the consent of the side that answers */
	FLOW_DATAGRAMS = 180, /* UDP */
	FLOW_ECHO = 30,
};

/* Matches the bits of a TCP header: those of the mask are as given, or with inverted are not. */
void filter_want_flags(struct nft_rule *rule, unsigned char mask, unsigned char flags,
		       bool inverted);
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

/*
 * ARP, later fragments, errors of ICMP, messages about neighbours, and the DHCP of the network. in: of the chain that
 * the machine receives by.
 */
void filter_pass_needed(const struct network *network, bool in, struct rules *rules);

/* Answers within flows that the other side of the chain has opened. */
void filter_pass_answers(bool in, struct rules *rules);

/*
 * Packets that open or keep flows that the present rules allow, which so pass not each rule, but one. A flow is known by
 * transport, addresses and ports, as rules are; rules about hardware addresses deny before this, and allow no flow.
 */
void filter_pass_allowed(bool in, struct rules *rules);

/* The end of a connection, which its opener tells, makes its flow end soon. */
void filter_note_ends(bool in, struct rules *rules);

#endif
