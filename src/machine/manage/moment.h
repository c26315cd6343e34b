/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's root at one moment, to be read for as long as it takes: a momentary snapshot, which the next command
 * removes after a kill, or the root itself while the machine is kept from starting.
 */
#ifndef BERTH_MACHINE_MANAGE_MOMENT_H
#define BERTH_MACHINE_MANAGE_MOMENT_H

#include "machine/manage/quiesce.h"
#include "storage/partial.h"

#include <stdbool.h>

struct moment {
	const char *volume;      /* the volume to read; borrowed from below */
	struct machine *machine; /* borrowed */
	struct pool *pool;       /* borrowed */
	bool is_snapshot;
	struct partial partial; /* owned, if it is a snapshot */
	struct quiesce still;   /* owned, if it is not */
	char root[VOLUME_NAME_MAX + 1];
};

/*
 * quiet: the guest is frozen and its file system is written to the disk for the moment, also if the pool copies
 * atomically. 0 or -code; then there is nothing to end.
 */
int moment_begin(struct moment *moment, struct machine *machine, struct pool *pool, bool quiet,
		 struct err *err);

/* -ESTALE with an error text: the root was not held, so that what was read is not of one moment. */
int moment_end(struct moment *moment, struct err *err);

#endif
