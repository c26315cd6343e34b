/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identity of a machine, written into its copy of a root. */
#ifndef BERTH_MACHINE_START_IDENTITY_H
#define BERTH_MACHINE_START_IDENTITY_H

#include "machine/state/machine.h"
#include "network/network.h"

/*
 * Writes host name, addresses and name servers into the root; a fresh copy loses the identity of its origin. lease: of
 * the first interface; NULL: there is none. fresh: whether this is the first start of a copy; identity_done is to
 * follow once the guest has keys of its own. It is false if the root was too full for that.
 */
int identity_apply(struct machine *machine, int root_fd, const struct lease *lease, bool *fresh,
		   struct err *err);

/* The root is this machine's own from now on. */
int identity_done(struct machine *machine, struct err *err);

#endif
