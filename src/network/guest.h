/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses and routes of a guest's interface, for changes of one that runs (network/network.h has the set-up). */
#ifndef BERTH_NETWORK_GUEST_H
#define BERTH_NETWORK_GUEST_H

#include "kern/link.h"
#include "network/network.h"

/* The set-up of the interface with that index, as the lease says. */
struct link_setup guest_setup_of(const struct lease *lease, int index);

/* Adds the IPv6 address of the lease, and the default route through it, to an interface that is up. 0 or -errno. */
int guest_add_ipv6(struct link_socket *links, const struct lease *lease, int index);

/* The error for a machine that has a link of the lease's name already. -EEXIST. */
int guest_tell_taken(const struct lease *lease, struct err *err);

/* Gives an interface that is up the static routes of the lease, and takes others that berth has set. 0 or -errno. */
int guest_set_routes(struct link_socket *links, const struct lease *lease, int index);

#endif
