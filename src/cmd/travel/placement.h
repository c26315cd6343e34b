/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pool and the network of a machine that comes from a stream. Neither is made for a stream that is none. */
#ifndef BERTH_CMD_TRAVEL_PLACEMENT_H
#define BERTH_CMD_TRAVEL_PLACEMENT_H

#include "cmd/cli/common.h"
#include "machine/manage/travel.h"

struct placement {
	const struct call *call;
	const struct words *words; /* its settings */
	char *pool;                /* owned: receives the name */
};

/*
 * Takes the name and the settings of the new machine from the command into spec, which finds its place by the
 * placement. words: free, and released by the caller after spec's use. 0, -code or EXIT_USAGE.
 */
int placement_begin(struct placement *placement, const struct call *call, struct words *words,
		    struct import_spec *spec, struct err *err);

/*
 * Makes the default network of a host that has none yet, if the machine of these settings is on it, and the words do
 * not put it on another.
 */
int placement_network(const struct call *call, const struct words *words,
		      const struct text *settings, struct err *err);

#endif
