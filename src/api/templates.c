/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates: what machines are made from. */
#include "api/look.h"

const struct route template_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/templates",
	  .verb = "template list --json",
	  .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/templates/{template}",
	  .verb = "template info --json -- {template}",
	  .config = "template get --json -- {template}" },
	{ 0 },
};
