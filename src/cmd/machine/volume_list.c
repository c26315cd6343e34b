/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume list: volumes for data, and the machines that have them. */
#include "cmd/machine/volume.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/machine/attachments.h"
#include "machine/data/data.h"

#include <string.h>

static const struct flag flag_usage = {
	"usage", 0, false, NULL,
	"count what they take, where no catalogue tells; as long as their files are many"
};
static const struct flag *const list_flags[] = { &flag_json, &flag_usage, NULL };

struct listing {
	struct table table;
	json_t *array;              /* NULL: the table is shown */
	struct inventory inventory; /* volumes of the pools, of those that are not attached too */
	struct attachments attachments;
	struct pool pool; /* the last one that was looked at */
	bool count;       /* figures that no pool has at hand are counted */
	struct text seen; /* names of volumes that have a folder, each with its NUL */
	int broken;
};

/* Volumes come sorted by name, and those of one pool mostly behind each other. */
static struct pool *view(struct listing *listing, const char *name)
{
	struct pool *pool = &listing->pool;

	if (pool->ops && strcmp(pool->name, name) == 0)
		return pool;
	pool_close(pool);
	*pool = (struct pool){ .use_fd = -1 };
	return pool_view_attached(pool, listing->inventory.dirs, name, &(struct err){ 0 }) == 0
		       ? pool
		       : NULL;
}

/* Size and use as far as an attached pool has them at hand, or (count) has to count them; 0: not known. */
static void measure(struct listing *listing, const char *name, const struct volume_config *config,
		    struct volume_info *info)
{
	struct pool *pool = view(listing, config->pool);
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };

	*info = (struct volume_info){ 0 };
	data_volume(name, volume);
	if (pool && volume_info(pool, volume, info, &ignored) == 0 && !info->used && listing->count)
		volume_measure(pool, volume, &info->used, &ignored);
}

static void add_size(struct listing *listing, uint64_t size)
{
	char text[32] = "";

	if (size)
		text_human_size(size, text, sizeof text);
	table_add(&listing->table, text);
}

static void add_users(struct listing *listing, const char *name)
{
	scoped_text struct text users = { 0 };

	attachments_text(&listing->attachments, name, &users);
	table_add(&listing->table, text_str(&users));
}

/* The machines that have it in their settings cannot start, and have to be known. */
static void add_broken(struct listing *listing, const char *name, const char *missing,
		       const struct err *fault)
{
	listing->broken++;
	if (listing->array) {
		table_add_broken(&listing->table, listing->array, 1, name, missing, fault);
		json_object_set_new(json_array_get(listing->array,
						   json_array_size(listing->array) - 1),
				    "machines", attachments_array(&listing->attachments, name));
		return;
	}
	print_error(fault);
	table_add(&listing->table, name);
	table_add(&listing->table, "broken");
	table_add(&listing->table, "");
	table_add(&listing->table, "");
	add_users(listing, name);
	table_add(&listing->table, "");
	table_add(&listing->table, "");
}

/* Whether the data or their pool are gone. */
static bool is_broken(struct listing *listing, const char *name, const struct volume_config *config)
{
	struct err why = { 0 }, fault = { 0 };
	int r = data_has_volume(&listing->inventory, name, config, &why);

	if (r == 0)
		return false;
	data_lost(name, &why, &fault);
	add_broken(listing, name, r == -ENOENT ? "volume" : "pool", &fault);
	return true;
}

static void add_row(struct listing *listing, const char *name, const struct volume_config *config,
		    const struct volume_info *info)
{
	char when[32];

	print_time(config->created, when, sizeof when);
	table_add(&listing->table, name);
	table_add(&listing->table, config->pool);
	add_size(listing, info->size);
	add_size(listing, info->used);
	add_users(listing, name);
	table_add(&listing->table, when);
	table_add(&listing->table, config->description);
}

static int visit_volume(void *context, const char *name, const struct volume_config *config,
			const struct err *fault)
{
	struct listing *listing = context;
	struct volume_info info;

	text_add_bytes(&listing->seen, name, strlen(name) + 1);
	if (!config)
		add_broken(listing, name, "volume.conf", fault);
	if (!config || is_broken(listing, name, config))
		return 0;
	measure(listing, name, config, &info);
	if (!listing->array) {
		add_row(listing, name, config, &info);
		return 0;
	}
	json_t *object = volume_object(&listing->attachments, name, config);
	if (object) {
		json_object_set_new(object, "size", json_count(info.size));
		json_object_set_new(object, "used", json_count(info.used));
	}
	json_array_append_new(listing->array, object);
	return 0;
}

/* Lists data whose volume has no folder. */
static int visit_data(void *context, const char *pool, const char *volume)
{
	struct listing *listing = context;
	struct volume_config config = { 0 };
	struct err fault = { 0 };

	(void)pool;
	if (!text_starts(volume, "data."))
		return 0;
	const char *name = volume + strlen("data.");
	const struct text *seen = &listing->seen;
	for (size_t at = 0; at < seen->length; at += strlen(seen->data + at) + 1) {
		if (strcmp(seen->data + at, name) == 0)
			return 0;
	}
	if (data_open(listing->inventory.dirs, name, &config, &fault) == -ENODATA)
		add_broken(listing, name, "volume.conf", &fault);
	config_free(&volume_schema, &config);
	return 0;
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME",    "POOL",    "SIZE",        "USED",
					     "MACHINE", "CREATED", "DESCRIPTION", NULL };
	struct listing listing = { .inventory = { .dirs = &call->dirs },
				   .pool.use_fd = -1,
				   .count = call_has(call, &flag_usage) };
	bool json = call_has(call, &flag_json);

	if (json)
		listing.array = json_array();
	table_begin(&listing.table, heads);
	int r = attachments_gather(&listing.attachments, &call->dirs, err);
	if (r == 0)
		r = data_list(&call->dirs, visit_volume, &listing, err);
	if (r == 0)
		r = inventory_each(&listing.inventory, visit_data, &listing, err);
	if (r == 0 && json)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && listing.table.count == 0)
		print_note("no volumes yet; 'berth volume create' makes one");
	else if (r == 0)
		r = table_print(&listing.table, err);
	json_decref(listing.array);
	attachments_free(&listing.attachments);
	pool_close(&listing.pool);
	text_free(&listing.table.cells);
	text_free(&listing.seen);
	inventory_free(&listing.inventory);
	return r == 0 && listing.broken ? EXIT_FAILED : r;
}

const struct command volume_verb_list = {
	.traits = COMMAND_LOOKS,
	.group = "volume",
	.name = "list",
	.aliases = "ls",
	.args = "",
	.help = "List volumes and the machines that have them",
	.flags = list_flags,
	.run = run_list,
};
