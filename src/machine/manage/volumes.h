/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volumes of a machine as a whole: its root and its snapshots. */
#ifndef BERTH_MACHINE_MANAGE_VOLUMES_H
#define BERTH_MACHINE_MANAGE_VOLUMES_H

#include "machine/state/subject.h"
#include "storage/storage.h"

/*
 * Locks all volumes of the machine, or of the volume for data, against copies until the pool is closed, after a wait for those under way. -EBUSY
 * with a sentence; other failures are left to the change that follows.
 */
int volumes_claim(const struct subject *subject, struct pool *pool, struct err *err);

/*
 * Renames the volumes of one machine name to those of another, the root last, which is the sign that there is nothing
 * more to do. Idempotent.
 */
int volumes_rename(struct pool *pool, const char *from, const char *to, struct err *err);

#endif
