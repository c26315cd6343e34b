/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool usage: shows which volumes fill a pool. */
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/host/pool.h"
#include "storage/storage.h"

static const struct flag *const usage_flags[] = { &flag_json, NULL };

struct counting {
	struct table table;
	json_t *array; /* NULL: JSON is not wanted */
};

static int show(void *context, const struct volume_usage *usage)
{
	struct counting *counting = context;
	char used[32], alone[32] = "";

	if (counting->array)
		return json_array_append_new(
			       counting->array,
			       json_members((const struct json_member[]){
				       { "volume", json_string(usage->name) },
				       { "used", json_integer((json_int_t)usage->used) },
				       { "alone", usage->alone_known
							  ? json_integer((json_int_t)usage->alone)
							  : json_null() },
				       { 0 },
			       })) < 0
			       ? -ENOMEM
			       : 0;
	text_human_size(usage->used, used, sizeof used);
	if (usage->alone_known)
		text_human_size(usage->alone, alone, sizeof alone);
	table_add(&counting->table, usage->name);
	table_add(&counting->table, used);
	table_add(&counting->table, usage->alone_known ? alone : "-");
	return 0;
}

static int count(struct call *call, struct counting *counting, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	struct pool_usage usage = { 0 };

	if (pool_view(&pool, &call->dirs, call->words[0], err) < 0)
		return -err->code;
	int r = pool_measure(&pool, show, counting, err);
	if (r < 0)
		return err->code ? r : err_set(err, ENOMEM, "out of memory");
	if (pool.ops->pool_usage(&pool, &usage, err) < 0)
		return -err->code;
	note_pool_room(pool.name, &usage, pool.ops->maintenance != NULL);
	if (pool_freeing(&pool))
		print_note("names that begin with 'partial.removed.' are of removed volumes, whose "
			   "space is being given back");
	return 0;
}

static int run_usage(struct call *call, struct err *err)
{
	static const char *const heads[] = { "VOLUME", "USED", "ALONE", NULL };
	struct counting counting = { 0 };

	int r = name_check(call->words[0], err);
	if (r != 0)
		return r;
	if (call_has(call, &flag_json))
		counting.array = json_array();
	table_begin(&counting.table, heads);
	r = count(call, &counting, err);
	if (r == 0 && counting.array)
		r = print_json(take_ptr(&counting.array), err);
	else if (r == 0 && counting.table.count > 0)
		r = table_print(&counting.table, err);
	else if (r == 0)
		print_note("pool '%s' holds nothing", call->words[0]);
	json_decref(counting.array);
	text_free(&counting.table.cells);
	return r;
}

const struct command pool_verb_usage = {
	.traits = COMMAND_LOOKS,
	.group = "pool",
	.name = "usage",
	.aliases = "du",
	.args = "POOL",
	.help = "Count which volumes fill a pool",
	.flags = usage_flags,
	.min = 1,
	.max = 1,
	.first = WORD_POOL,
	.run = run_usage,
};
