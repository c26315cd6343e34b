/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes for data, which outlive their machines. */
#include "api/look.h"

const struct route volume_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/volumes",
	  .verb = "volume list --json",
	  .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/volumes/{volume}",
	  .verb = "volume info --json -- {volume}",
	  .config = "volume get --json -- {volume}" },
	{ 0 },
};
