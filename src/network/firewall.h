/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet filter rules of a network as a whole: masquerading, no forwarding from the bridge back to the bridge, a
 * limit of connections from each machine to the network's DNS, and the walls of a private network. Policy over
 * kern/nft.
 */
#ifndef BERTH_NETWORK_FIREWALL_H
#define BERTH_NETWORK_FIREWALL_H

#include "network/network.h"

#include <stdbool.h>

/* 1 if the rules are as the settings say (nat = no: without masquerading), 0 if not, or -errno. */
int firewall_is_current(const struct network *network);

/*
 * Replaces the rules in one transaction. *bounded: whether the kernel can count connections (nft_connlimit); without
 * that the other rules are made.
 */
int firewall_update(const struct network *network, bool *bounded, struct err *err);

/* Removes the rules. Idempotent. */
int firewall_remove(const struct network *network, struct err *err);

#endif
