/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a machine's last run ended, kept beside machine.conf: what tells a machine that failed from one that
 * was stopped, also after a reboot of the host.
 */
#ifndef BERTH_MACHINE_STATE_ENDED_H
#define BERTH_MACHINE_STATE_ENDED_H

#include "machine/state/machine.h"

/* outcome as in events: "clean", "killed" or "failed". A full disk must not keep a machine from ending. */
void ended_write(const struct machine *machine, const char *outcome, const char *how);

/* The outcome on a line of its own, then how in words. The caller owns the text; -ENOENT: it never ran to an end. */
int ended_read(const struct machine *machine, char **text);

/* Whether the last end was a failure. Costs one open(2). */
bool ended_failed(const struct machine *machine);

/*
 * Marks a failure as seen: the machine counts as stopped from now on, and how it ended is kept. True if there was a
 * failure.
 */
bool ended_acknowledge(const struct machine *machine);

#endif
