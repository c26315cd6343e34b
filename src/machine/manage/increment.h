/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An increment of a stream: snapshots of a machine or of a volume for data that is here, or its root, built on one that
 * it has.
 */
#ifndef BERTH_MACHINE_MANAGE_INCREMENT_H
#define BERTH_MACHINE_MANAGE_INCREMENT_H

#include "machine/manage/arrival.h"
#include "machine/manage/travel.h"

struct increment {
	const struct subject *subject; /* borrowed */
	struct pool *pool;             /* borrowed */
	char user
		[64]; /* a machine that runs with it, and keeps its root from giving way; "": none */
	bool force;   /* its root may give way */
	struct arrival arrival; /* owned; arrival_end by the caller */
	char base[VOLUME_NAME_MAX + 1];
};

/* Under the lock of the subject: what comes is checked as that of an increment. */
void increment_begin(struct increment *inc, bool trusted);
/* Whether what an earlier stream has brought fits, as if it came now. 0 or -code. */
int increment_check_restored(struct increment *inc, struct err *err);
/* Whether the stream is of that subject. 0 or -code. */
int increment_check_subject(const struct subject *subject, const struct stream_head *head,
			    struct err *err);
/* After the end of the stream: the snapshots get their names. 0 or -code. */
int increment_keep(struct increment *inc, struct err *err);
/* Behind that: the root gives way to the one that has come, if there is one. 0 or -code. */
int increment_replace(struct increment *inc, struct err *err);

#endif
