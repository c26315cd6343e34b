/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The beginning of a change of a machine's sections. */
#ifndef BERTH_MACHINE_MANAGE_SETTINGS_LOCK_H
#define BERTH_MACHINE_MANAGE_SETTINGS_LOCK_H

#include "machine/state/machine.h"

/* Takes the machine's lock, and reads its settings under it: a descriptor, or -code. */
int settings_lock(struct machine *machine, struct err *err);

/* Reads the settings again, after a change, which the pool's copy of them has to follow. Under the lock. */
int settings_read_again(struct machine *machine, struct err *err);

#endif
