/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ephemeral machine owned by a command: the command holds a lock, and when it is gone the machine goes too. The
 * locks' files lie beside the machines' folders, so that all owned machines are found by one look.
 */
#ifndef BERTH_MACHINE_STATE_OWNER_H
#define BERTH_MACHINE_STATE_OWNER_H

#include "machine/state/machine.h"

/* Makes the machine the caller's until *owner, which the caller owns, is closed. */
int owner_claim(const struct machine *machine, int *owner, struct err *err);

/* The machine lives on without an owner, and the descriptor is closed; -1: it had none. */
void owner_release(const struct machine *machine, int *owner);

/*
 * For an owner that works on the machine's root after its run: the end of the run does not delete the machine while the
 * owner lives. 0 or -errno.
 */
int owner_outlast(int owner);
/* Whether it has such an owner now. */
bool owner_outlasts(const struct machine *machine);

/* Whether the command that owned the machine is gone. */
bool owner_is_lost(const struct machine *machine);

/* Whether it has an owner, or had one that is gone. */
bool owner_is_claimed(const struct machine *machine);

/* Removes the lock's file: always, and only if no command holds it. */
void owner_forget(const struct machine *machine);
void owner_forget_lost(const struct machine *machine);

#endif
