/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines, and what belongs to one. */
#include "api/look.h"

/* The names of machine_state_name, and that of a machine whose parts are missing. */
static const char *const states[] = { "stopped", "failed",   "starting", "running", "paused",
				      "held",    "stopping", "broken",   NULL };
static const struct query list_queries[] = {
	{ .name = "label", .flag = "--label=" },
	{ .name = "state", .member = "state", .words = states },
	{ 0 },
};
static const struct query info_queries[] = { { .name = "usage", .flag = "--usage" }, { 0 } };
static const struct query log_queries[] = {
	{ .name = "follow", .flag = "--follow" },
	{ .name = "lines", .flag = "--lines=" },
	{ 0 },
};

static const char *const state_members[] = { "name",    "state",      "booted",  "started",
					     "ended",   "held",       "move",    "init",
					     "memory",  "memory_max", "missing", "error",
					     "network", "nics",       "traffic", NULL };

static int show_log(struct exchange *exchange, struct err *err)
{
	bool follows = false;

	if (request_switch(exchange->request, "follow", false, &follows, err) < 0 ||
	    look_stream(exchange, err) < 0)
		return -err->code;
	exchange->response->stream.waits = follows;
	return 0;
}

const struct route machine_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/machines",
	  .needs = NEEDS_SIGHT,
	  .verb = "list --json",
	  .shape = SHAPE_LIST,
	  .queries = list_queries },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}",
	  .needs = NEEDS_USE,
	  .verb = "info --json -- {machine}",
	  .config = "get --json -- {machine}",
	  .queries = info_queries },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/state",
	  .needs = NEEDS_USE,
	  .verb = "info --json -- {machine}",
	  .members = state_members },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/logs",
	  .needs = NEEDS_USE,
	  .verb = "logs -- {machine}",
	  .queries = log_queries,
	  .type = "text/plain; charset=utf-8",
	  .run = show_log },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/snapshots",
	  .needs = NEEDS_USE,
	  .verb = "snapshot list --json -- {machine}",
	  .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/snapshots/{snapshot}",
	  .needs = NEEDS_USE,
	  .verb = "snapshot list --json -- {machine}",
	  .shape = SHAPE_NAMED },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/forwards",
	  .needs = NEEDS_USE,
	  .verb = "forward list --json -- {machine}",
	  .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/forwards/{forward}",
	  .needs = NEEDS_USE,
	  .verb = "forward list --json -- {machine}",
	  .shape = SHAPE_NAMED },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/nics",
	  .needs = NEEDS_USE,
	  .verb = "nic list --json -- {machine}",
	  .shape = SHAPE_LIST },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/nics/{nic}",
	  .needs = NEEDS_USE,
	  .verb = "nic list --json -- {machine}",
	  .shape = SHAPE_NAMED },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/backups",
	  .verb = "backup list --json -- {machine}" },
	{ .method = "GET",
	  .path = "/1.0/forwards",
	  .needs = NEEDS_SIGHT,
	  .verb = "forward list --json",
	  .shape = SHAPE_LIST,
	  .place = "/1.0/machines/{machine}/forwards" },
	{ .method = "GET",
	  .path = "/1.0/nics",
	  .needs = NEEDS_SIGHT,
	  .verb = "nic list --json",
	  .shape = SHAPE_LIST,
	  .place = "/1.0/machines/{machine}/nics" },
	{ 0 },
};
