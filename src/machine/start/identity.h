/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identity of a machine, written into its copy of a root. */
#ifndef BERTH_MACHINE_START_IDENTITY_H
#define BERTH_MACHINE_START_IDENTITY_H

#include "machine/state/machine.h"
#include "network/network.h"

/*
 * Writes host name, addresses and name servers into the root, and, into a fresh copy, machine-id and the like. lease:
 * that of its first interface; NULL: it has none.
 */
int identity_apply(struct machine *machine, int root_fd, const struct lease *lease,
		   struct err *err);

#endif
