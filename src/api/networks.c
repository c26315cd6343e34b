/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks: what machines are connected by. */
#include "api/look.h"

const struct route network_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/networks",
	  .verb = "network list --json",
	  .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/networks/{network}",
	  .verb = "network info --json -- {network}",
	  .config = "network get --json -- {network}" },
	{ 0 },
};
