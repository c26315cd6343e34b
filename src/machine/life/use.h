/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The use of a machine: processes of the host that hold a shared lock on the file "use" in its run folder, and clients of
 * its keeper. Its keeper acts by desktop.idle when there was none for a while (keeper/idle.c).
 */
#ifndef BERTH_MACHINE_LIFE_USE_H
#define BERTH_MACHINE_LIFE_USE_H

#include "machine/state/machine.h"

/* Counts as a use of a machine that runs until the descriptor is closed, also by the end of the process. -code. */
int use_begin(const struct machine *machine, struct err *err);

/* Lets a machine that was paused because nobody used it go on; then as machine_check_thawed. */
int use_wake(struct machine *machine, struct err *err);

/* Whether it is paused because nobody used it. One look. */
bool use_is_idle(const struct machine *machine);

/* Writes the event "idle". */
void use_tell_idle(const struct machine *machine);

/* Whether a process of the host holds that lock. */
bool use_is_noted(const struct machine *machine);

#endif
