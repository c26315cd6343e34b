/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds what a start would refuse, without a start: then `set` changes nothing, and `restart` stops nothing. */
#ifndef BERTH_MACHINE_MANAGE_CHECK_H
#define BERTH_MACHINE_MANAGE_CHECK_H

#include "machine/state/machine.h"
#include "storage/storage.h"

/*
 * Checks the settings in machine->config that the changes name against this host: the network and the
 * address on it, limits, labels of the security modules, boot.after and, in the machine's root, init.
 * All that is wrong is in one error.
 */
int check_changes(const struct machine *machine, const struct config_change *changes, size_t count,
		  struct err *err);

/* The same for a machine that is being made, whose root is that volume. */
int check_new(const struct machine *machine, struct err *err);
int check_new_root(const struct machine *machine, struct pool *pool, const char *volume,
		   struct err *err);

#endif
