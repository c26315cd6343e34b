/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of a start: from a stopped machine's settings to a running init under a keeper, in twelve steps on one page
 * (start.c), the guest's half beside it (guest.c). What runs afterwards is in life/.
 */
#ifndef BERTH_MACHINE_START_START_H
#define BERTH_MACHINE_START_START_H

#include "base/text.h"
#include "machine/state/machine.h"

/*
 * Starts a machine. One that runs already is a success: *was_running (may be NULL) is true. On failure nothing is
 * left. warning (may be NULL): what the machine has to do without is added, a sentence a line.
 */
int machine_start(struct machine *machine, bool *was_running, struct text *warning,
		  struct err *err);

/*
 * The next guest of a reboot, started as a child of the keeper and handed over on keeper_fd. A keeper has
 * `berth _respawn` do it, which has more libraries.
 */
int machine_respawn(struct machine *machine, int keeper_fd, struct err *err);

#endif
