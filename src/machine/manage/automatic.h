/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots with the time in their names. Automatic ones, "auto-20260131-120000" in UTC, are taken and deleted by the
 * keys snapshots.schedule and snapshots.keep; the name alone tells which ones these are, and when they were taken.
 */
#ifndef BERTH_MACHINE_MANAGE_AUTOMATIC_H
#define BERTH_MACHINE_MANAGE_AUTOMATIC_H

#include "machine/manage/manage.h"

/* Whether a snapshot of that name is an automatic one; taken (may be NULL): when. */
bool snapshot_is_automatic(const char *name, uint64_t *taken);

/*
 * Takes a snapshot whose name is the prefix and the time: "at-20260131-120000", or with "-2" and so on if there are
 * others of that second. name: receives it. how: as snapshot_take. 0 or -code.
 */
int snapshot_take_dated(struct machine *machine, const char *prefix, uint64_t now, unsigned how,
			char name[64], struct err *err);

struct automatic {
	uint64_t now;        /* seconds since the epoch: the time that the policy goes by */
	bool dry;            /* only says what would be done */
	char taken[64];      /* receives the name of the new snapshot; "": none was due */
	struct text deleted; /* owned: receives names, each with a newline */
};

/*
 * Takes the snapshot that is due, and deletes automatic ones that the policy does not keep. A machine without a
 * schedule stays as it is. A failure in one does not prevent the other. The caller has a lock against a second one at
 * once. 0 or -code.
 */
int snapshots_by_policy(struct machine *machine, struct automatic *automatic, struct err *err);

#endif
