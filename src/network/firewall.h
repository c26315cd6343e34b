/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's packet filter does for a network as a whole: masquerading, no way from the bridge by
 * the host back to the bridge, and few connections of each machine to the network's DNS. Policy over kern/nft.
 */
#ifndef BERTH_NETWORK_FIREWALL_H
#define BERTH_NETWORK_FIREWALL_H

#include "network/network.h"

#include <stdbool.h>

/* 1 when the rules are as the settings want them (nat = no: without masquerading), 0 when not, or -errno. */
int firewall_is_current(const struct network *network);

/*
 * Makes it so, in one transaction, whatever was there. *bounded: whether the kernel could be told to count
 * connections (nft_connlimit); the rest is done without that.
 */
int firewall_update(const struct network *network, bool *bounded, struct err *err);

/* Idempotent. */
int firewall_remove(const struct network *network, struct err *err);

#endif
