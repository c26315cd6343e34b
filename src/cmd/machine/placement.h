/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pool and the network of a machine that comes from a stream. Neither is made for a stream that is none. */
#ifndef BERTH_CMD_MACHINE_PLACEMENT_H
#define BERTH_CMD_MACHINE_PLACEMENT_H

#include "cmd/cli/common.h"

struct placement {
	const struct call *call;
	const struct words *words; /* its settings */
	char *pool;                /* owned: receives the name */
};

/* import_spec's place, whose context is a struct placement. 0 or -code. */
int placement_find(void *context, const char **pool, struct err *err);

#endif
