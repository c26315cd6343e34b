/*
 * What the kernel's packet filter does for a network as a whole: masquerading, and no way from the
 * bridge by the host back to the bridge. Policy over kern/nft.
 */
#ifndef BERTH_NETWORK_FIREWALL_H
#define BERTH_NETWORK_FIREWALL_H

#include "network/network.h"

/* 1 when the rules are as the settings want them (nat = no: without masquerading), 0 when not, or -errno. */
int firewall_is_current(const struct network *network);

/* Makes it so, in one transaction, whatever was there. */
int firewall_update(const struct network *network, struct err *err);

/* Idempotent. */
int firewall_remove(const struct network *network, struct err *err);

#endif
