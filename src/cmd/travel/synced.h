/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The snapshot that a send leaves on both sides for the next increment: synced-HOST-SUM-DATE-TIME. */
#ifndef BERTH_CMD_TRAVEL_SYNCED_H
#define BERTH_CMD_TRAVEL_SYNCED_H

#include "machine/state/machine.h"
#include "machine/wire/far.h"

#include <stdbool.h>

/* Each target has its own, so that the increments of one need nothing of another. */
struct synced {
	char prefix[64]; /* of the snapshots for this target */
	char name[64];   /* of the new one; "": none is left */
	bool taken;      /* by this command */
};

/* Chooses the name. 0 or -code. */
int synced_name(struct synced *synced, struct machine *machine, const struct target *target,
		struct err *err);
/* Takes the snapshot, if it has a name. 0 or -code. */
int synced_take(struct synced *synced, struct machine *machine, struct err *err);
/* arrived: the snapshot is the new common one, and those of earlier sends go; else it goes itself. */
void synced_settle(const struct synced *synced, struct machine *machine, bool arrived);

#endif
