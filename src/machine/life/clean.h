/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removing what a run leaves behind. */
#ifndef BERTH_MACHINE_LIFE_CLEAN_H
#define BERTH_MACHINE_LIFE_CLEAN_H

#include "machine/state/machine.h"

/* Removes every trace of a run whose guest is gone or must go. Under the machine's lock. Idempotent. */
int run_clean(struct machine *machine, struct err *err);

/* The same after a keeper that was killed; how the run ended is kept and told, if it ever ran. */
int run_clean_dead(struct machine *machine, struct err *err);

#endif
