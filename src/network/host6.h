/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6 of the host itself: whether it is there at all. */
#ifndef BERTH_NETWORK_HOST6_H
#define BERTH_NETWORK_HOST6_H

#include "network/network.h"

/*
 * Takes IPv6 away from an open network whose host has none, or has it switched off for the bridge, with a sentence in
 * network->warning. Without a subnet6 it does nothing. Idempotent.
 */
void host6_check(struct network *network);

#endif
