/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An export under way, of a machine or of a volume for data. */
#ifndef BERTH_MACHINE_MANAGE_EXPORTING_H
#define BERTH_MACHINE_MANAGE_EXPORTING_H

#include "machine/manage/export_volumes.h"

struct exporting {
	struct subject subject;
	const struct export_spec *spec; /* borrowed */
	struct pool *pool;              /* borrowed; open */
	struct machine *holder;         /* borrowed: that may write to it; NULL: none */
	int *lock; /* borrowed: of the name of a volume, which is closed as soon as it may be; NULL: none */
	/* private */
	struct stream_out out;
	struct export_chain chain;     /* owned */
	struct export_volumes volumes; /* owned; of a machine */
};

/* Finds all that would refuse it. exporting_end in any case. 0 or -code. */
int exporting_begin(struct exporting *x, struct err *err);
int exporting_write(struct exporting *x, struct err *err);
void exporting_end(struct exporting *x);
#define scoped_exporting __attribute__((cleanup(exporting_end)))

#endif
