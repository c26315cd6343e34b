/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces of the host's that a machine has for itself. The network namespace of the machine is mounted beside the
 * note of the interface, and so outlives a killed keeper: no interface is lost with it, and the next command that needs
 * the network gives it back to the host.
 */
#ifndef BERTH_NETWORK_PHYSICAL_H
#define BERTH_NETWORK_PHYSICAL_H

#include "network/network.h"

/* network_attach for such a network. */
int physical_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err);

/*
 * Gives the interface of a machine back to the host, with name, hardware address, mtu, state and addresses that it had
 * there. A name that another link has taken meanwhile becomes a free one. Idempotent.
 */
int physical_return(const struct network *network, const char *name, struct err *err);

/* physical_return for machines whose run has ended without it. */
int physical_recover(const struct network *network, struct err *err);

/* Whether a machine that runs has lost the interface that it had, and the machine; and the sentence for that: -ENODEV. */
bool physical_is_lost(const struct network *network, char machine[64]);
int physical_tell_lost(const struct network *network, const char *name, struct err *err);

/* The machine that has the interface, with `ended` one that has ended, by name. False: there is none. */
bool physical_holder(const struct network *network, bool ended, char machine[64]);

#endif
