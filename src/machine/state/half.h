/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mark of a machine whose root and volumes are put back to a snapshot, one after the other: the file half-restored
 * in the machine's folder, with the name of the snapshot. After a kill they are of different moments, so that the
 * machine does not start.
 */
#ifndef BERTH_MACHINE_STATE_HALF_H
#define BERTH_MACHINE_STATE_HALF_H

#include "machine/state/machine.h"

/* Writes the mark, durably, under the machine's lock; removes it. */
int half_begin(const struct machine *machine, const char *snapshot, struct err *err);
void half_end(const struct machine *machine);
/* -EBUSY with the remedy: a restore was killed. */
int half_check(const struct machine *machine, struct err *err);

#endif
