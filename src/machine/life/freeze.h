/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What holds a guest still, for those who add to it. */
#ifndef BERTH_MACHINE_LIFE_FREEZE_H
#define BERTH_MACHINE_LIFE_FREEZE_H

#include "machine/state/machine.h"

/* Locked (LOCK_SH) by each command that copies the root of the running guest, for as long as it does. */
#define FREEZE_COPY "frozen"

/* The path of a mark in the run folder; the caller owns it; NULL: out of memory. */
char *freeze_mark(const struct machine *machine, const char *mark);

/* Whether a copy lasts. A mark whose lock is free is nobody's: a copy that was killed has left it, and it goes. */
bool freeze_is_copied(const struct machine *machine);

/* Freezes or thaws, by the marks that are there now. 0 or -errno. */
int freeze_settle(const struct machine *machine);

/* Until the last process is out of its system call. 0, -ETIMEDOUT after ten seconds, or -errno. */
int freeze_await(const struct machine *machine);

#endif
