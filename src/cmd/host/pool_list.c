/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool list and status: all pools, their devices and their usage. */
#include "machine/manage/settings_backup.h"
#include "storage/storage.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/host/pool.h"

#include <string.h>

static const struct flag *const show_flags[] = { &flag_json, NULL };

struct listing {
	const struct call *call;
	struct table table;
	json_t *array;
	struct err *err;
	int broken;
};

static json_t *words_json(const char *words)
{
	scoped_free char *copy = strdup(words);
	json_t *array = json_array();
	char *rest = copy;

	for (char *word; copy && (word = strsep(&rest, " "));) {
		if (*word)
			json_array_append_new(array, json_text(word));
	}
	return array;
}

/* Lists a pool whose settings are missing or unreadable. */
static void add_broken(struct listing *listing, const char *name, const struct err *fault)
{
	listing->broken++;
	table_add_broken(&listing->table, listing->array, 1, name, "pool.conf", fault);
}

static int visit_lost(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_free char *folder = dirs_state_path(&listing->call->dirs, "pools/%s", name);
	struct err fault = { 0 };

	err_set(&fault, ENOENT,
		"pool '%s' has lost its settings: '%s/pool.conf' is missing; bring it back from a "
		"backup, or move the folder away, and then take a pool on a disk or in a file "
		"anew: "
		"berth pool import PATH",
		name, folder ? folder : "");
	add_broken(listing, name, &fault);
	return 0;
}

/* Shows where the copy of the settings is; it is needed when its host is lost. */
static json_t *backup_json(const struct dirs *dirs, const char *name)
{
	struct err fault = { 0 };

	return settings_backup_fault(dirs, name, &fault) ? json_text(fault.text) : json_null();
}

static void note_backup(const struct dirs *dirs, const char *name)
{
	struct err fault = { 0 };

	if (settings_backup_fault(dirs, name, &fault))
		print_note("pool '%s' has an old copy of its settings: %s; it is written anew by "
			   "the next "
			   "change of a machine",
			   name, fault.text);
}

/* A list reads pool.conf and the sizes of devices. It attaches nothing. */
static int visit_pool(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_free char *path = dirs_state_path(&listing->call->dirs, "pools/%s/pool.conf", name);
	struct pool_config config;
	struct err err = { 0 };
	char size[32] = "";

	if (!path)
		return err_set(listing->err, ENOMEM, "out of memory");
	if (config_load(&pool_schema, path, &config, &err) < 0) {
		add_broken(listing, name, &err);
		return 0;
	}
	if (listing->array) {
		json_array_append_new(listing->array,
				      json_members((const struct json_member[]){
					      { "name", json_string(name) },
					      { "driver", json_text(config.driver) },
					      { "source", json_text(config.source) },
					      { "size", json_count(config.size) },
					      { "devices", words_json(config.devices) },
					      { "uuid", json_text(config.uuid) },
					      { "backup_fault",
						backup_json(&listing->call->dirs, name) },
					      { 0 },
				      }));
	} else {
		uint64_t bytes = pool_size(&config);
		if (bytes)
			text_human_size(bytes, size, sizeof size);
		table_add(&listing->table, name);
		table_add(&listing->table, config.driver);
		table_add(&listing->table, size);
		table_format(&listing->table, "%s%s%s", config.source, *config.devices ? " " : "",
			     config.devices);
		note_backup(&listing->call->dirs, name);
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

/* The sizes of all volumes, divided by the space of the pool. */
static double overcommit(const struct pool_usage *usage, const struct pool_state *state)
{
	return usage->total ? (double)state->promised / (double)usage->total : 0;
}

static int add_disk_json(void *context, const struct pool_disk *disk)
{
	json_t *array = context;

	return json_array_append_new(array,
				     json_members((const struct json_member[]){
					     { "path", json_text(disk->path) },
					     { "size", json_integer((json_int_t)disk->size) },
					     { "sector_size",
					       json_integer((json_int_t)disk->sector_size) },
					     { 0 },
				     })) < 0
		       ? -ENOMEM
		       : 0;
}

/* The array lacks a disk that could not be read. */
static json_t *disks_json(struct pool *pool)
{
	json_t *array = json_array();

	pool_each_disk(pool, add_disk_json, array, &(struct err){ 0 });
	return array;
}

static json_t *status_json(struct pool *pool, const struct pool_usage *usage,
			   const struct pool_state *state, size_t volumes)
{
	json_t *object = json_members((const struct json_member[]){
		{ "name", json_string(pool->name) },
		{ "driver", json_string(pool->ops->name) },
		{ "source", json_text(pool->config.source) },
		{ "used", json_integer((json_int_t)usage->used) },
		{ "total", json_integer((json_int_t)usage->total) },
		{ "volumes", json_integer((json_int_t)volumes) },
		{ "freeing", json_integer((json_int_t)pool_freeing(pool)) },
		{ "fast_clone", json_boolean((pool->ops->can & STORAGE_FAST_CLONE) != 0) },
		{ "backup_fault", backup_json(pool->dirs, pool->name) },
		{ 0 },
	});

	if (!object || !state)
		return object;
	json_t *more = json_members((const struct json_member[]){
		{ "state", json_string(state->mode) },
		{ "filesystem", json_string(pool->config.filesystem) },
		{ "block", json_integer((json_int_t)state->block) },
		{ "metadata_used", json_integer((json_int_t)state->metadata_used) },
		{ "metadata_total", json_integer((json_int_t)state->metadata_total) },
		{ "promised", json_integer((json_int_t)state->promised) },
		{ "overcommit", json_real(overcommit(usage, state)) },
		{ "quarantined", json_integer((json_int_t)state->quarantined) },
		{ "lost", json_integer((json_int_t)state->lost) },
		{ "disks", disks_json(pool) },
		{ "refused", state->refused.code ? json_text(state->refused.text) : json_null() },
		{ 0 },
	});
	json_object_update(object, more);
	json_decref(more);
	return object;
}

static void note_freeing(struct pool *pool)
{
	size_t count = pool_freeing(pool);

	if (count)
		print_note("pool '%s' is still giving back the space of %zu removed volume%s",
			   pool->name, count, count == 1 ? "" : "s");
}

static void add_status(struct listing *listing, struct pool *pool, const struct pool_usage *usage,
		       const struct pool_state *state, size_t volumes)
{
	unsigned percent = usage->total ? (unsigned)(usage->used * 100.0 / usage->total) : 0;
	struct table *table = &listing->table;
	char used[32], total[32];

	if (listing->array) {
		json_array_append_new(listing->array, status_json(pool, usage, state, volumes));
		return;
	}
	text_human_size(usage->used, used, sizeof used);
	text_human_size(usage->total, total, sizeof total);
	table_add(table, pool->name);
	table_add(table, pool->ops->name);
	table_add(table, used);
	table_add(table, total);
	table_format(table, "%u%%", percent);
	if (state) {
		table_format(table, "%u%%",
			     (unsigned)(state->metadata_used * 100.0 /
					(double)(state->metadata_total ? state->metadata_total
								       : 1)));
		table_format(table, "%.2fx", overcommit(usage, state));
		table_add(table, state->mode);
	} else {
		table_add(table, "");
		table_add(table, "");
		table_add(table, "");
	}
	table_format(table, "%zu", volumes);
	table_add(table, pool->ops->can & STORAGE_FAST_CLONE ? "fast" : "copied");
	table_format(table, "%s%s%s", pool->config.source, *pool->config.devices ? " " : "",
		     pool->config.devices);
	note_pool_room(pool->name, usage, pool->ops->maintenance != NULL);
	note_freeing(pool);
	note_backup(pool->dirs, pool->name);
	if (state && state->lost + state->quarantined > 0)
		print_note("pool '%s' has %u lost volumes and %u without an owner: berth "
			   "pool check %s",
			   pool->name, (unsigned)state->lost, (unsigned)state->quarantined,
			   pool->name);
}

static void note_refusal(const struct pool *pool, const struct pool_state *state)
{
	if (state->refused.code)
		print_note("pool '%s' takes no changes: %s", pool->name, state->refused.text);
	else if (state->doubted)
		print_note("pool '%s' had an error, and not all of its file systems have been "
			   "found sound since; stop its machines, then: berth pool repair %s",
			   pool->name, pool->name);
}

static int look_at_pool(struct listing *listing, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	struct pool_usage usage = { 0 };
	struct pool_state state;
	size_t volumes = 0;

	if (pool_view(&pool, &listing->call->dirs, name, err) < 0 ||
	    pool.ops->pool_usage(&pool, &usage, err) < 0 ||
	    volume_list(&pool, "", add_volume, &volumes, err) < 0)
		return -err->code;
	int r = pool_look(&pool, &state, err);
	if (err->code)
		return r;
	add_status(listing, &pool, &usage, r == 0 ? &state : NULL, volumes);
	if (r == 0)
		note_refusal(&pool, &state);
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

/* Shows the gathered pools. No pool at all and no readable pool are told apart. */
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
	int r = pool_list(&call->dirs, visit_pool, &listing, err);
	if (r == 0)
		r = pool_list_lost(&call->dirs, visit_lost, &listing, err);
	return finish(&listing, r, err);
}

static int run_status(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME",    "DRIVER",   "USED",     "TOTAL",
					     "FULL",    "METADATA", "PROMISED", "STATE",
					     "VOLUMES", "CLONES",   "SOURCE",   NULL };
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
		r = pool_list(&call->dirs, visit_status, &listing, err);
	if (r == 0 && call->count == 0)
		r = pool_list_lost(&call->dirs, visit_lost, &listing, err);
	return finish(&listing, r, err);
}

const struct command pool_verb_list = {
	.traits = COMMAND_LOOKS,
	.group = "pool",
	.name = "list",
	.aliases = "ls",
	.args = "",
	.help = "List pools, without attaching any",
	.flags = show_flags,
	.run = run_list,
};

const struct command pool_verb_status = {
	.traits = COMMAND_LOOKS,
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
