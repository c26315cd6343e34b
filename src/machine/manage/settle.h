/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settling what a killed keeper, a killed owner or a crash of the host has left of a machine. */
#ifndef BERTH_MACHINE_MANAGE_SETTLE_H
#define BERTH_MACHINE_MANAGE_SETTLE_H

#include "machine/state/machine.h"

/*
 * If a run was left behind and no command works on the machine, it is cleaned up. An ephemeral machine owned by a
 * command ends when that command is gone, even while it runs (-ESTALE). Cheap when there is nothing.
 */
int settle_dead_run(struct machine *machine, struct err *err);

#endif
