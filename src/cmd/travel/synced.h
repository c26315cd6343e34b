/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshot that a send takes: synced-HOST-SUM-DATE-TIME, which stays on both sides for the next increment, or
 * sending-HOST-SUM-DATE-TIME, which stays here until all of it has arrived, so that a send that was cut can go on.
 */
#ifndef BERTH_CMD_TRAVEL_SYNCED_H
#define BERTH_CMD_TRAVEL_SYNCED_H

#include "cmd/travel/offer.h"
#include "machine/state/machine.h"
#include "machine/wire/far.h"

#include <stdbool.h>

/* Each target has its own, so that the increments of one need nothing of another. */
struct synced {
	bool stays;      /* on both sides */
	char prefix[64]; /* of the snapshots for this target; "": none is taken */
	char name[64];   /* of the new one; "": none is left */
	bool taken;      /* by this command, or by one before that was cut */
	unsigned how;    /* it is taken: of enum snapshot_how */
};

/* Chooses the name; stays: as in the struct. 0 or -code. */
int synced_name(struct synced *synced, struct machine *machine, const struct target *target,
		bool stays, struct err *err);
/* The newest snapshot for this target of which the other side has nothing. name: "" if there is none. 0 or -code. */
int synced_left(const struct synced *synced, struct machine *machine, const struct offer *offer,
		char name[64], struct err *err);
/* Takes the snapshot, if it has a name. 0 or -code. */
int synced_take(struct synced *synced, struct machine *machine, struct err *err);
/* arrived: the snapshot is the new common one if it stays, and those of earlier sends go; else it goes itself. */
void synced_settle(const struct synced *synced, struct machine *machine, bool arrived);

#endif
