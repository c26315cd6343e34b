/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list: shows all machines, with one small look at each (machine/life/rows.h). It opens no pool. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/names.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/machine/list_columns.h"
#include "cmd/machine/move_show.h"
#include "cmd/machine/nic.h"
#include "machine/life/rows.h"
#include "machine/life/use.h"
#include "storage/storage.h"

#include <string.h>

static const struct flag flag_columns = { "columns", 0, false, "LIST",
					  "columns to show, such as name,state,label.role" };
static const struct flag flag_format = { "format", 0, false, "FORMAT",
					 "table, csv or json; table if not given" };
static const struct flag flag_sort = { "sort", 0, false, "ORDER",
				       "by name, age or memory; by name if not given" };
static const struct flag *const list_flags[] = { &flag_columns, &flag_format, &flag_json,
						 &flag_label,   &flag_sort,   NULL };

struct listing {
	const struct call *call;
	struct columns columns;
	struct table table;
	json_t *array;       /* filled instead of the table, with --json */
	const char *label;   /* borrowed; NULL: all */
	const char *sort;    /* borrowed; NULL: by name */
	struct text weights; /* a uint64_t for each row */
	time_t now;
	bool *matched;     /* owned: for each word, whether it has matched a machine */
	struct text pools; /* names of the shown machines' pools, each once, with its NUL */
	int broken;        /* number of machines with a missing part or an unknown state */
};

static void add_object(struct listing *listing, const struct row *row)
{
	const struct machine *machine = row->machine;
	const struct machine_status *status = row->status;
	bool idle = status->state == MACHINE_PAUSED && use_is_idle(machine);

	json_array_append_new(listing->array,
			      json_members((const struct json_member[]){
				      { "name", json_string(machine->name) },
				      { "state", json_string(machine_state_name(status->state)) },
				      { "booted", json_boolean(status->booted) },
				      { "idle", json_boolean(idle) },
				      { "move", move_mark_object(row->move) },
				      { "address",
					json_address(status->lease.prefix, status->lease.address) },
				      { "addresses", nics_addresses(machine, status) },
				      { "template", json_text(machine->config.template) },
				      { "pool", json_text(machine->config.pool) },
				      { "network", json_text(machine->config.network) },
				      { "ephemeral", json_boolean(machine->config.ephemeral) },
				      { "privileged", json_boolean(machine->config.privileged) },
				      { "nesting", json_boolean(machine->config.nesting) },
				      { "labels", labels_object(machine->config.labels) },
				      { "started", json_count(status->started) },
				      { 0 },
			      }));
}

static void add_weight(struct listing *listing, const struct subject *subject)
{
	if (!listing->sort)
		return;
	uint64_t weight = order_weight(listing->sort, subject);
	text_add_bytes(&listing->weights, &weight, sizeof weight);
}

/* Lists a machine with a missing part as broken. It must neither hide the others nor itself be hidden. */
static void add_broken(struct listing *listing, const struct row *row)
{
	const struct subject subject = { .name = row->name };

	listing->broken++;
	add_weight(listing, &subject);
	if (listing->array) {
		table_add_broken(&listing->table, listing->array, 1, row->name, row->missing,
				 row->fault);
		return;
	}
	print_error(row->fault);
	columns_add(&listing->columns, &subject, &listing->table);
}

/* Whether a word matches the name. */
static bool is_wanted(void *context, const char *name)
{
	const struct listing *listing = context;
	bool wanted = false;

	for (int i = 0; i < listing->call->count; i++)
		wanted = wanted || name_matches(listing->call->words[i], name);
	return wanted;
}

static void note_matched(struct listing *listing, const char *name)
{
	for (int i = 0; i < listing->call->count; i++) {
		if (name_matches(listing->call->words[i], name))
			listing->matched[i] = true;
	}
}

static void tell_unmatched(struct listing *listing)
{
	for (int i = 0; i < listing->call->count; i++) {
		if (listing->matched[i])
			continue;
		print_note("no machine '%.80s'", listing->call->words[i]);
		listing->broken++;
	}
}

static void note_pool(struct listing *listing, const char *name)
{
	const struct text *pools = &listing->pools;

	for (size_t at = 0; at < pools->length; at += strlen(pools->data + at) + 1) {
		if (strcmp(pools->data + at, name) == 0)
			return;
	}
	text_add_bytes(&listing->pools, name, strlen(name) + 1);
}

/* Warns of pools that are nearly full, because a full pool stops the machines shown. */
static void warn_of_pools(const struct listing *listing)
{
	const struct text *pools = &listing->pools;

	for (size_t at = 0; at < pools->length; at += strlen(pools->data + at) + 1) {
		const char *name = pools->data + at;
		struct pool_usage usage = { 0 };
		if (pool_glance(&listing->call->dirs, name, &usage) && usage.total)
			note_pool_room(name, &usage, true);
	}
}

static void add_machine(struct listing *listing, const struct row *row)
{
	const struct subject subject = { .name = row->name,
					 .machine = row->machine,
					 .status = row->status,
					 .move = row->move,
					 .now = listing->now };

	note_pool(listing, row->machine->config.pool);
	add_weight(listing, &subject);
	if (listing->array)
		add_object(listing, row);
	else
		columns_add(&listing->columns, &subject, &listing->table);
}

static int visit_row(void *context, const struct row *row)
{
	struct listing *listing = context;

	note_matched(listing, row->name);
	if (row->machine && listing->label &&
	    !labels_match(row->machine->config.labels, listing->label))
		return 0;
	if (row->fault->code)
		add_broken(listing, row);
	else
		add_machine(listing, row);
	return 0;
}

static int list_all(struct listing *listing, struct err *err)
{
	const struct columns *columns = &listing->columns;
	bool by_memory = listing->sort && strcmp(listing->sort, "memory") == 0;
	const struct rows_want want = {
		.memory = by_memory || (!listing->array && columns->memory),
		.settings = !listing->array && columns->settings,
		.chooses = listing->call->count > 0 ? is_wanted : NULL,
		.visit = visit_row,
		.context = listing,
	};

	return rows_each(&listing->call->dirs, &want, err);
}

/* Whether --format asks for JSON or for CSV. */
static int take_format(const struct call *call, bool *json, bool *csv, struct err *err)
{
	const char *format = call_value(call, &flag_format);

	*json = call_has(call, &flag_json) || (format && strcmp(format, "json") == 0);
	*csv = format && strcmp(format, "csv") == 0;
	if (!format || *csv || strcmp(format, "json") == 0 || strcmp(format, "table") == 0)
		return 0;
	err_set(err, EINVAL, "there is no format '%.60s'; use table, csv or json", format);
	return EXIT_USAGE;
}

static int begin_list(struct listing *listing, bool *csv, struct err *err)
{
	const struct call *call = listing->call;
	bool json = false;

	listing->label = call_value(call, &flag_label);
	listing->sort = call_value(call, &flag_sort);
	int r = take_format(call, &json, csv, err);
	if (r == 0 && listing->label)
		r = labels_check_wanted(listing->label, err);
	if (r == 0 && listing->sort)
		r = order_check(listing->sort, err);
	if (r == 0)
		r = columns_begin(&listing->columns, call_value(call, &flag_columns), err);
	if (r != 0)
		return r;
	listing->matched = calloc((size_t)call->count + 1, sizeof *listing->matched);
	if (json)
		listing->array = json_array();
	if (!listing->matched || (json && !listing->array))
		return err_set(err, ENOMEM, "out of memory");
	table_begin(&listing->table, listing->columns.heads);
	return 0;
}

static int show_list(struct listing *listing, bool csv, struct err *err)
{
	const void *weights = text_str(&listing->weights);
	int r = listing->sort ? table_sort(&listing->table, listing->array, weights, err) : 0;

	if (r < 0)
		return r;
	if (listing->array)
		return print_json(take_ptr(&listing->array), err);
	if (csv)
		return table_print_csv(&listing->table, listing->columns.names, err);
	if (listing->table.count > 0)
		return table_print(&listing->table, err);
	if (listing->call->count == 0 && listing->label)
		print_note("no machine has the labels %.80s", listing->label);
	else if (listing->call->count == 0)
		print_note("no machines yet; 'berth launch TEMPLATE NAME' makes one and starts it");
	return 0;
}

static void end_list(struct listing *listing)
{
	free(listing->matched);
	json_decref(listing->array);
	columns_free(&listing->columns);
	text_free(&listing->table.cells);
	text_free(&listing->weights);
	text_free(&listing->pools);
}

static int run_list(struct call *call, struct err *err)
{
	struct listing listing = { .call = call, .now = time(NULL) };
	bool csv = false;

	int r = names_check(call, err);
	if (r == 0)
		r = begin_list(&listing, &csv, err);
	if (r == 0)
		r = list_all(&listing, err);
	if (r == 0)
		r = show_list(&listing, csv, err);
	if (r == 0) {
		tell_unmatched(&listing);
		warn_of_pools(&listing);
	}
	end_list(&listing);
	return r == 0 && listing.broken ? EXIT_FAILED : r;
}

const struct command command_list = {
	.traits = COMMAND_LOOKS,
	.name = "list",
	.aliases = "ls ps",
	.args = "[MACHINE]...",
	.help = "List all machines, or those that are named",
	.flags = list_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_list,
};
