/* SPDX-License-Identifier: GPL-2.0-or-later */
/* halfway list and delete: what a send to this host has brought before it was cut. */
#include "machine/manage/halfway.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/cli/verbs.h"

#include <string.h>

enum { DAY = 24 * 3600 };

static const struct flag *const list_flags[] = { &flag_json, NULL };
static const struct flag flag_force_halfway = { "force", 'f', false, NULL,
						"also if its pool is out of reach" };
static const struct flag *const delete_flags[] = { &flag_force_halfway, NULL };

struct listing {
	const struct dirs *dirs;
	struct table table;
	json_t *array; /* NULL: the table is shown */
	unsigned broken;
};

static void add_object(struct listing *listing, const struct halfway *halfway)
{
	const struct halfway_config *config = &halfway->config;

	json_array_append_new(listing->array,
			      json_members((const struct json_member[]){
				      { "name", json_string(halfway->name) },
				      { "pool", json_text(config->pool) },
				      { "host", json_text(config->host) },
				      { "received", json_count(config->bytes) },
				      { "began", json_count(config->began) },
				      { "changed", json_count(config->changed) },
				      { "expires", json_count(config->changed +
							      (uint64_t)HALFWAY_DAYS * DAY) },
				      { "increment", json_boolean(config->increment) },
				      { "uuid", json_text(config->uuid) },
				      { 0 },
			      }));
}

static void add_row(struct listing *listing, const struct halfway *halfway)
{
	const struct halfway_config *config = &halfway->config;
	char size[32], changed[32], expires[32];

	text_human_size(config->bytes, size, sizeof size);
	print_time(config->changed, changed, sizeof changed);
	print_time(config->changed + (uint64_t)HALFWAY_DAYS * DAY, expires, sizeof expires);
	table_add(&listing->table, halfway->name);
	table_add(&listing->table, config->pool);
	table_add(&listing->table, config->host);
	table_add(&listing->table, size);
	table_add(&listing->table, changed);
	table_add(&listing->table, expires);
}

static void visit(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_halfway struct halfway halfway = { 0 };
	struct err fault = { 0 };

	int r = halfway_load(&halfway, listing->dirs, name, &fault);
	if (r < 0) {
		listing->broken += fault.code != 0;
		if (fault.code)
			print_error(&fault);
		return;
	}
	if (listing->array)
		add_object(listing, &halfway);
	else
		add_row(listing, &halfway);
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME",    "POOL",    "FROM", "RECEIVED",
					     "CHANGED", "EXPIRES", NULL };
	struct listing listing = { .dirs = &call->dirs };
	bool json = call_has(call, &flag_json);

	if (json)
		listing.array = json_array();
	table_begin(&listing.table, heads);
	halfway_each(&call->dirs, visit, &listing);
	int r = json ? print_json(listing.array, err) : 0;
	if (!json && listing.table.count == 0 && !listing.broken)
		print_note("no machine has come halfway: every send to this host was completed");
	else if (!json)
		r = table_print(&listing.table, err);
	text_free(&listing.table.cells);
	return r == 0 && listing.broken ? EXIT_FAILED : r;
}

static int run_delete(struct call *call, struct err *err)
{
	for (int i = 0; i < call->count; i++) {
		int r = name_check(call->words[i], err);
		if (r == 0)
			r = halfway_delete(&call->dirs, call->words[i],
					   call_has(call, &flag_force_halfway), err);
		if (r != 0)
			return r;
	}
	return 0;
}

static const struct command list = {
	.traits = COMMAND_LOOKS,
	.group = "halfway",
	.name = "list",
	.aliases = "ls",
	.args = "",
	.help = "List what sends to this host have brought before they were cut",
	.flags = list_flags,
	.run = run_list,
};

static const struct command delete = {
	.group = "halfway",
	.name = "delete",
	.aliases = "rm",
	.args = "NAME...",
	.help = "Delete it, so that the next send begins anew",
	.flags = delete_flags,
	.min = 1,
	.max = -1,
	.first = WORD_HALFWAY,
	.rest = WORD_HALFWAY,
	.run = run_delete,
};

static const struct command *const members[] = { &list, &delete, NULL };

const struct command command_halfway = {
	.name = "halfway",
	.args = "",
	.help = "Machines that have come halfway: list, delete",
	.max = -1,
	.members = members,
	.other = &list,
};
