/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The root of a machine, or a volume for data, at one moment, to be read for as long as it takes: a momentary snapshot,
 * which the next command removes after a kill, or the volume itself while its machine is kept from starting.
 */
#ifndef BERTH_MACHINE_MANAGE_MOMENT_H
#define BERTH_MACHINE_MANAGE_MOMENT_H

#include "machine/manage/quiesce.h"
#include "machine/state/subject.h"
#include "storage/partial.h"

#include <stdbool.h>

struct moment {
	const char *volume;     /* the volume to read; borrowed from below */
	struct machine *holder; /* borrowed: may write to it; NULL: none */
	struct pool *pool;      /* borrowed */
	bool is_snapshot;
	struct partial partial; /* owned, if it is a snapshot */
	struct quiesce still;   /* owned, if it is not */
	char root[VOLUME_NAME_MAX + 1];
};

/*
 * holder: the machine that may write to it; NULL: none, and the caller keeps others from getting it. quiet: the guest is
 * frozen and its file system is written to the disk for the moment, also if the pool copies atomically. 0 or -code; then
 * there is nothing to end.
 */
int moment_begin(struct moment *moment, const struct subject *subject, struct machine *holder,
		 struct pool *pool, bool quiet, struct err *err);

/* -ESTALE with an error text: the root was not held, so that what was read is not of one moment. */
int moment_end(struct moment *moment, struct err *err);

#endif
