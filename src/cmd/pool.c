/* pool create, list, status, delete, detach. */
#include "storage/storage.h"

#include "base/scoped.h"
#include "cmd/common.h"
#include "cmd/print.h"
#include "cmd/verbs.h"

#include <inttypes.h>
#include <string.h>

static const struct flag flag_driver = { "driver", 0, false, "DRIVER",
					 "btrfs or dir; the best that works here if not given" };
static const struct flag flag_source = { "source", 0, false, "PATH",
					 "folder to use; below /var/lib/berth/pools if not given" };
static const struct flag flag_size = { "size", 0, false, "SIZE",
				       "of a loop file; a share of the free space if not given" };
static const struct flag flag_volumes = { "force", 'f', false, NULL,
					  "with every volume that is in it" };

static const struct flag *const create_flags[] = { &flag_driver, &flag_size, &flag_source, NULL };
static const struct flag *const show_flags[] = { &flag_json, NULL };
static const struct flag *const delete_flags[] = { &flag_volumes, NULL };

static int run_create(struct call *call, struct err *err)
{
	const char *size = call_value(call, &flag_size);
	struct pool_spec spec = {
		.driver = call_value(call, &flag_driver),
		.source = call_value(call, &flag_source),
	};

	int r = name_check(call->words[0], err);
	if (r != 0)
		return r;
	if (size && text_to_size(size, &spec.size) < 0) {
		err_set(err, EINVAL, "--size cannot be '%.60s': use a size such as 20G", size);
		return EXIT_USAGE;
	}
	if (spec.source && *spec.source != '/') {
		err_set(err, EINVAL, "--source cannot be '%.200s': use an absolute path",
			spec.source);
		return EXIT_USAGE;
	}
	return pool_create(&call->site, call->words[0], &spec, err);
}

struct listing {
	const struct call *call;
	struct table table;
	json_t *array;
	struct err *err;
	int broken;
};

/* A list reads pool.conf only: it attaches nothing. */
static int visit_pool(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_free char *path = site_state_path(&listing->call->site, "pools/%s/pool.conf", name);
	struct pool_config config;
	struct err err = { 0 };
	char size[32] = "";

	if (!path)
		return err_set(listing->err, ENOMEM, "out of memory");
	if (config_load(&pool_schema, path, &config, &err) < 0) {
		print_error(&err);
		listing->broken++;
		return 0;
	}
	if (listing->array) {
		json_array_append_new(listing->array,
				      json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "driver",
						json_text(config.driver), "source",
						json_text(config.source), "size",
						json_count(config.size), "uuid",
						json_text(config.uuid)));
	} else {
		if (config.size)
			text_human_size(config.size, size, sizeof size);
		table_add(&listing->table, name);
		table_add(&listing->table, config.driver);
		table_add(&listing->table, size);
		table_add(&listing->table, config.source);
	}
	config_free(&pool_schema, &config);
	return 0;
}

static int add_volume(void *context, const struct volume_info *info)
{
	(void)info;
	++*(size_t *)context;
	return 0;
}

static void add_status(struct listing *listing, const struct pool *pool,
		       const struct pool_usage *usage, size_t volumes)
{
	unsigned percent = usage->total ? (unsigned)(usage->used * 100.0 / usage->total) : 0;
	struct table *table = &listing->table;
	char used[32], total[32];

	if (listing->array) {
		json_array_append_new(listing->array,
				      json_pack("{s:s, s:s, s:o, s:I, s:I, s:i, s:b}", "name",
						pool->name, "driver", pool->ops->name, "source",
						json_text(pool->config.source), "used",
						(json_int_t)usage->used, "total",
						(json_int_t)usage->total, "volumes", (int)volumes,
						"fast_clone",
						(pool->ops->can & STORAGE_FAST_CLONE) != 0));
		return;
	}
	text_human_size(usage->used, used, sizeof used);
	text_human_size(usage->total, total, sizeof total);
	table_add(table, pool->name);
	table_add(table, pool->ops->name);
	table_add(table, used);
	table_add(table, total);
	table_format(table, "%u%%", percent);
	table_format(table, "%zu", volumes);
	table_add(table, pool->ops->can & STORAGE_FAST_CLONE ? "fast" : "copied");
	table_add(table, pool->config.source);
	if (percent >= 80)
		print_note("pool '%s' is %u%% full; delete something or make room in '%s'",
			   pool->name, percent, pool->config.source);
}

static int look_at_pool(struct listing *listing, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	struct pool_usage usage = { 0 };
	size_t volumes = 0;

	if (pool_open(&pool, &listing->call->site, name, err) < 0 ||
	    pool.ops->pool_usage(&pool, &usage, err) < 0 ||
	    volume_list(&pool, "", add_volume, &volumes, err) < 0)
		return -err->code;
	add_status(listing, &pool, &usage, volumes);
	return 0;
}

static int visit_status(void *context, const char *name)
{
	struct listing *listing = context;
	struct err err = { 0 };

	if (look_at_pool(listing, name, &err) < 0) {
		print_error(&err);
		listing->broken++;
	}
	return 0;
}

/* Shows what was gathered; none is told from nothing readable. */
static int finish(struct listing *listing, int r, struct err *err)
{
	if (r == 0 && listing->array)
		r = print_json(take_ptr(&listing->array), err);
	else if (r == 0 && listing->table.count > 0)
		r = table_print(&listing->table, err);
	else if (r == 0 && !listing->broken)
		print_note("no pools yet; the first launch makes one, or 'berth pool create NAME'");
	json_decref(listing->array);
	text_free(&listing->table.cells);
	return r == 0 && listing->broken ? EXIT_FAILED : r;
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME", "DRIVER", "SIZE", "SOURCE", NULL };
	struct listing listing = { .call = call, .err = err };

	if (call_has(call, &flag_json))
		listing.array = json_array();
	table_begin(&listing.table, heads);
	return finish(&listing, pool_list(&call->site, visit_pool, &listing, err), err);
}

static int run_status(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME",    "DRIVER", "USED",   "TOTAL", "FULL",
					     "VOLUMES", "CLONES", "SOURCE", NULL };
	struct listing listing = { .call = call, .err = err };

	int r = call->count > 0 ? name_check(call->words[0], err) : 0;
	if (r != 0)
		return r;
	if (call_has(call, &flag_json))
		listing.array = json_array();
	table_begin(&listing.table, heads);
	if (call->count > 0)
		r = look_at_pool(&listing, call->words[0], err);
	else
		r = pool_list(&call->site, visit_status, &listing, err);
	return finish(&listing, r, err);
}

static int delete_one(struct call *call, const char *name, struct err *err)
{
	return pool_delete(&call->site, name, call_has(call, &flag_volumes), err);
}

static int run_delete(struct call *call, struct err *err)
{
	return for_each_name(call, delete_one, err);
}

static int detach_one(struct call *call, const char *name, struct err *err)
{
	return pool_detach(&call->site, name, err);
}

static int run_detach(struct call *call, struct err *err)
{
	return for_each_name(call, detach_one, err);
}

static const struct command create = {
	.group = "pool",
	.name = "create",
	.args = "POOL",
	.help = "Make a pool",
	.flags = create_flags,
	.min = 1,
	.max = 1,
	.run = run_create,
};

static const struct command list = {
	.group = "pool",
	.name = "list",
	.aliases = "ls",
	.args = "",
	.help = "List pools, without attaching any",
	.flags = show_flags,
	.run = run_list,
};

static const struct command status = {
	.group = "pool",
	.name = "status",
	.aliases = "info",
	.args = "[POOL]",
	.help = "Show how full pools are, and attach them if need be",
	.flags = show_flags,
	.max = 1,
	.first = WORD_POOL,
	.run = run_status,
};

static const struct command delete = {
	.group = "pool",
	.name = "delete",
	.aliases = "rm",
	.args = "POOL...",
	.help = "Delete empty pools; those with volumes only with --force",
	.flags = delete_flags,
	.min = 1,
	.max = -1,
	.first = WORD_POOL,
	.rest = WORD_POOL,
	.run = run_delete,
};

static const struct command detach = {
	.group = "pool",
	.name = "detach",
	.args = "POOL...",
	.help = "Let go of the devices and mounts of pools; what is in them stays",
	.min = 1,
	.max = -1,
	.first = WORD_POOL,
	.rest = WORD_POOL,
	.run = run_detach,
};

static const struct command *const members[] = { &create, &list, &status, &delete, &detach, NULL };

const struct command command_pool = {
	.name = "pool",
	.aliases = "storage",
	.args = "",
	.help = "Where roots are kept: create, list, status, delete, detach",
	.max = -1,
	.members = members,
};
