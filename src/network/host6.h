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

/* Whether its machines reach other networks by the host's IPv6 address. */
bool network_masquerades6(const struct network *network);

/* Whether the host forwards IPv6. */
bool host6_forwards(void);

/*
 * Makes the host forward IPv6, a setting of the whole host. A link that has taken router advertisements goes on to take
 * them, which a forwarding host does only with accept_ra=2; network->warning names these links.
 */
int host6_forward(struct network *network, struct err *err);

#endif
