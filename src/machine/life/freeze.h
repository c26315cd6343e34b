/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reasons for which a guest is frozen, each a mark in its run folder. */
#ifndef BERTH_MACHINE_LIFE_FREEZE_H
#define BERTH_MACHINE_LIFE_FREEZE_H

#include "machine/state/machine.h"

/* Locked (LOCK_SH) by each command that copies the root of the running guest, for as long as it does. */
#define FREEZE_COPY "frozen"

/* What the mark of a pause says if nobody had used the machine; that of a command is empty. */
#define PAUSED_IDLE "idle\n"

/* The path of a mark in the run folder; the caller owns it; NULL: out of memory. */
char *freeze_mark(const struct machine *machine, const char *mark);

/* Whether a copy is being made. A mark whose lock is free was left by a copy that was killed, and is removed. */
bool freeze_is_copied(const struct machine *machine);

/* Freezes or thaws the guest, as the present marks demand. 0 or -errno. */
int freeze_settle(const struct machine *machine);

/* Waits until every process of the guest is frozen. 0, -ETIMEDOUT after ten seconds, or -errno. */
int freeze_await(const struct machine *machine);

#endif
