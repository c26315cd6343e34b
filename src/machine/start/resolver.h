/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How programs in a machine find names: whichever resolver its distribution has. */
#ifndef BERTH_MACHINE_START_RESOLVER_H
#define BERTH_MACHINE_START_RESOLVER_H

#include "network/network.h"

/*
 * On the host, in the root: /etc/resolv.conf, where it is ours, empty or nobody's, and the machine's own
 * name in /etc/hosts, so that it is known without a server. lease: NULL without a network.
 */
int resolver_write(const char *machine, int root_fd, const struct lease *lease, bool fresh,
		   struct err *err);

/*
 * In the guest, once its /run is mounted and before anybody looks: what resolvers that keep their own
 * /etc/resolv.conf read there. Quiet, since a guest without it starts as well.
 */
void resolver_seed(int root_fd, const struct lease *lease);

#endif
