/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools: where roots are kept. */
#include "api/look.h"

const struct route pool_routes[] = {
	{ .method = "GET", .path = "/1.0/pools", .verb = "pool list --json", .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/pools/{pool}",
	  .verb = "pool status --json -- {pool}",
	  .shape = SHAPE_FIRST },
	{ .method = "GET",
	  .path = "/1.0/pools/{pool}/usage",
	  .verb = "pool usage --json -- {pool}" },
	{ 0 },
};
