/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots of volumes that a snapshot of their machine was taken with (machine/data/joint.h), and their removal. */
#ifndef BERTH_MACHINE_MANAGE_JOINT_DROP_H
#define BERTH_MACHINE_MANAGE_JOINT_DROP_H

#include "machine/data/joint.h"

/* The present name of its volume. Quiet -ENOENT: the volume is gone. */
int joint_find_volume(const struct dirs *dirs, const struct joint_part *part, char name[64],
		      struct err *err);

/* The same as joint_clear, for a snapshot of the machine that was just deleted. */
void joint_drop(const struct machine *machine, struct pool *pool, const char *snapshot);

/*
 * Under the machine's lock: removes snapshots of volumes that were taken for a snapshot of the machine which is not
 * there, since it was deleted, or never came into being. One that is in use, or whose pool is out of reach, is left for
 * the next time. Quiet.
 */
void joint_clear(const struct machine *machine, struct pool *pool);

#endif
