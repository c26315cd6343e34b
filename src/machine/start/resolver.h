/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How programs in a machine find names: whichever resolver its distribution has. */
#ifndef BERTH_MACHINE_START_RESOLVER_H
#define BERTH_MACHINE_START_RESOLVER_H

#include "network/network.h"

/*
 * Writes into the root, on the host: /etc/resolv.conf, if berth made it, it is empty or it does not exist, and the
 * machine's own name in /etc/hosts, so that it is known without a server. lease: NULL without a network. aliases: the
 * lines of life/hosts.h, which replace earlier ones.
 */
int resolver_write(const char *machine, int root_fd, const struct lease *lease, const char *aliases,
		   bool fresh, struct err *err);

/*
 * Writes, in the guest, once its /run is mounted and before init runs, the files there that resolvers read which keep
 * /etc/resolv.conf themselves. A failure is not told, since a guest without them starts as well.
 */
void resolver_seed(int root_fd, const struct lease *lease);

#endif
