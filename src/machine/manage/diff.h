/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference between two states of a machine's root: its template, its snapshots, and now. */
#ifndef BERTH_MACHINE_MANAGE_DIFF_H
#define BERTH_MACHINE_MANAGE_DIFF_H

#include "machine/state/machine.h"
#include "storage/tree_diff.h"

struct diff_spec {
	const char *from; /* a snapshot; NULL: the template */
	const char *
		to; /* a snapshot; NULL: the root as it is now, which may be that of a running machine */
	bool content; /* as in tree_diff */
	int (*visit)(void *context, const struct tree_change *change);
	void *context;
};

/* -ENOENT: there is no such snapshot, or the template is gone. 0, what visit returned, or -code. */
int machine_diff(struct machine *machine, const struct diff_spec *spec, struct err *err);

#endif
