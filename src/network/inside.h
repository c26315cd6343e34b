/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces of machines that share an interface of the host's (macvlan, ipvlan). Each is made in the network namespace
 * of its machine, and ends with that; nothing of it is on the host but a note.
 */
#ifndef BERTH_NETWORK_INSIDE_H
#define BERTH_NETWORK_INSIDE_H

#include "network/network.h"

/* network_attach for such a network. */
int inside_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err);

/* Takes the interface out of a machine that may still run. Idempotent. */
int inside_remove(const struct network *network, const char *name, struct err *err);

/* Gives the interface of a running machine the mode and the mtu of network and lease. -ENODEV: it is gone. */
int inside_shape(const struct network *network, const struct lease *lease, struct err *err);

#endif
