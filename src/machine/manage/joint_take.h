/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots of a machine with its volumes for data: taken, and restored. joint.h has their record. */
#ifndef BERTH_MACHINE_MANAGE_JOINT_TAKE_H
#define BERTH_MACHINE_MANAGE_JOINT_TAKE_H

#include "machine/state/machine.h"

/*
 * A snapshot of the machine, and one of the same name of each volume that it may write to, of one moment, for which a
 * running machine is frozen. quiet: with all that it has written on the disk. All of them, or none. -EEXIST.
 */
int joint_take(struct machine *machine, const char *name, bool quiet, struct err *err);

/*
 * Puts a stopped machine and those of its volumes that were kept with that snapshot back to it. -ENOENT: it has none;
 * -EBUSY: a machine runs with one. A failure changes nothing; a kill leaves a mark, with which the machine does not
 * start.
 */
int joint_restore(struct machine *machine, const char *name, struct err *err);

#endif
