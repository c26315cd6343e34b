/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template prune, and template list --cache: the steps of builds that are kept. */
#include "image/template/template_cache.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/template/template.h"
#include "image/template/template.h"

struct listing {
	const struct dirs *dirs;
	struct table table;
	json_t *array; /* NULL: a table */
};

static int visit(void *context, const char *name, const struct template_config *config,
		 const struct err *fault)
{
	struct listing *listing = context;
	char when[32], size[32];

	(void)fault;
	if (!config || !config->cached)
		return 0;
	uint64_t used = template_cache_used(listing->dirs, name);
	if (listing->array) {
		json_t *object = template_object(name, config);
		if (!object || json_object_set_new(object, "used", json_count(used)) < 0)
			listing->table.cells.failed = true;
		json_array_append_new(listing->array, object);
		return 0;
	}
	print_time(used, when, sizeof when);
	template_size_text(config, size, sizeof size);
	table_add(&listing->table, name);
	table_add(&listing->table, config->pool);
	table_add(&listing->table, size);
	table_add(&listing->table, when);
	table_add(&listing->table, config->description);
	return 0;
}

int template_cache_show(const struct call *call, bool json, struct err *err)
{
	static const char *const heads[] = { "NAME", "POOL", "SIZE", "USED", "STEP", NULL };
	struct listing listing = { .dirs = &call->dirs, .array = json ? json_array() : NULL };

	table_begin(&listing.table, heads);
	int r = template_list(&call->dirs, visit, &listing, err);
	if (r == 0 && listing.table.cells.failed)
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0 && json)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && listing.table.count == 0)
		print_note("no steps are kept");
	else if (r == 0)
		r = table_print(&listing.table, err);
	json_decref(listing.array);
	text_free(&listing.table.cells);
	return r;
}

static int run_prune(struct call *call, struct err *err)
{
	size_t removed;
	int r = template_cache_prune(&call->dirs, 0, 0, &removed, err);

	print_note("%zu kept step%s of builds removed", removed, removed == 1 ? "" : "s");
	return r;
}

const struct command template_prune = {
	.group = "template",
	.name = "prune",
	.args = "",
	.help = "Remove the steps of builds that are kept for the next build",
	.run = run_prune,
};
