/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes for data that a run has mounted: each has a note in the run folder (keeper/volume_note.h).
 * A note is written before the mount is made, and is gone with the run folder, after the guest has ended. So two guests
 * never have a volume with the right to write to it, whatever is in the settings of their machines.
 */
#ifndef BERTH_MACHINE_LIFE_VOLUME_USE_H
#define BERTH_MACHINE_LIFE_VOLUME_USE_H

#include "machine/state/machine.h"
#include "storage/storage.h"

/* Notes it, in the run folder of a machine that starts or runs. -EBUSY names the machine that may write to it now. */
int volume_use_begin(const struct machine *machine, const char *name, const struct pool *pool,
		     bool readonly, struct err *err);
/* Releases what the mount needed, and removes the note. Fine if there is none. */
void volume_use_end(const struct machine *machine, const char *name);
/* The same for all volumes of the run, whose guest has ended. */
void volume_use_end_all(const struct machine *machine);
/* A lock, as a descriptor, under which no run begins to use the volume; for a moment only. */
int volume_use_hold(const struct dirs *dirs, const char *name, struct err *err);
/* Removes the file of the lock on a volume that is gone. */
void volume_use_forget(const struct dirs *dirs, const char *name);

/* A machine that runs with the volume, except one (NULL: none); writes: only one that may write. Looks only. */
bool volume_use_find(const struct dirs *dirs, const char *name, const char *except, bool writes,
		     char machine[64]);

/* Whether the machine's run has noted the volume. Looks only. */
bool volume_use_noted(const struct machine *machine, const char *name);

/* The name of a volume in that pool which the machine's run has mounted. Looks only. */
bool volume_use_in_pool(const struct machine *machine, const char *pool, char name[64]);

#endif
