/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups of all machines in one place. */
#include "api/look.h"

static const struct query backup_queries[] = { { .name = "target", .flag = "--target=" }, { 0 } };

const struct route backup_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/backups",
	  .verb = "backup list --json",
	  .queries = backup_queries },
	{ 0 },
};
