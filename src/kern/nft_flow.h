/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of flows, by which rules know answers without connection tracking. For the files of kern/nft alone. */
#ifndef BERTH_KERN_NFT_FLOW_H
#define BERTH_KERN_NFT_FLOW_H

#include "kern/nft.h"

struct nftnl_rule;
struct nftnl_set;

/* Number of the sets of a table: opened and allowed flows, for each direction of opening, and each family. */
enum { NFT_FLOW_SETS = 8, NFT_FLOW_SETS_KEPT = 4 };

/* Makes one of the sets, to be freed by nftnl_set_free(). NULL: out of memory. */
struct nftnl_set *nft_flow_set(const struct nft_table *table, unsigned which);

/* Adds to a rule: the packet's flow is in a set. False: out of memory. */
bool nft_flow_find(struct nftnl_rule *rule, const struct nft_rule *from, enum nft_flows flows);

/* Adds to a rule: the packet's flow gets into its set. False: out of memory. */
bool nft_flow_note(struct nftnl_rule *rule, const struct nft_rule *from);

#endif
