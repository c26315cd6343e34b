/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume list and info: volumes for data, and the machines that have them. */
#include "cmd/machine/volume.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "machine/data/data.h"

#include <string.h>

static const struct flag *const show_flags[] = { &flag_json, NULL };

/* All attachments, gathered once: a list of volumes must not read the machines again for each. */
struct attachment {
	char volume[64], machine[64];
	char target[4096];
	bool readonly;
};

struct attachments {
	struct attachment *list; /* owned */
	size_t count;
	const struct dirs *dirs;
};

static int note_machine(void *context, const char *name)
{
	struct attachments *all = context;
	scoped_machine struct machine machine = { 0 };

	/* `list` tells of a machine that cannot be read. */
	if (machine_read(&machine, all->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	for (const struct section *at = machine.config.volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		struct attachment *list = realloc(all->list, (all->count + 1) * sizeof *list);
		if (!list)
			return -ENOMEM;
		all->list = list;
		struct attachment *one = &list[all->count++];
		text_print(one->volume, sizeof one->volume, "%s", at->name);
		text_print(one->machine, sizeof one->machine, "%s", name);
		text_print(one->target, sizeof one->target, "%s", attached->target);
		one->readonly = attached->readonly;
	}
	return 0;
}

static int gather(struct attachments *all, struct err *err)
{
	int r = machine_list(all->dirs, note_machine, all, err);

	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

struct listing {
	struct table table;
	json_t *array;              /* NULL: the table is shown */
	struct inventory inventory; /* volumes of the pools, as far as they can be listed cheaply */
	struct attachments attachments;
	struct text seen; /* names of volumes that have a folder, each with its NUL */
	int broken;
};

static json_t *machines_array(const struct attachments *all, const char *name)
{
	json_t *array = json_array();

	for (size_t i = 0; i < all->count; i++) {
		const struct attachment *one = &all->list[i];
		if (strcmp(one->volume, name) == 0)
			json_array_append_new(array,
					      json_members((const struct json_member[]){
						      { "name", json_string(one->machine) },
						      { "target", json_text(one->target) },
						      { "readonly", json_boolean(one->readonly) },
						      { 0 },
					      }));
	}
	return array;
}

static json_t *volume_object(const struct attachments *all, const char *name,
			     const struct volume_config *config)
{
	return json_members((const struct json_member[]){
		{ "name", json_string(name) },
		{ "description", json_text(config->description) },
		{ "pool", json_string(config->pool) },
		{ "origin", json_text(config->origin) },
		{ "created", json_count(config->created) },
		{ "uuid", json_text(config->uuid) },
		{ "machines", machines_array(all, name) },
		{ 0 },
	});
}

static void add_users(struct listing *listing, const char *name)
{
	const struct attachments *all = &listing->attachments;
	scoped_text struct text users = { 0 };

	for (size_t i = 0; i < all->count; i++) {
		const struct attachment *one = &all->list[i];
		if (strcmp(one->volume, name) == 0)
			text_add(&users, "%s%s:%s%s", users.length ? ", " : "", one->machine,
				 one->target, one->readonly ? " (read-only)" : "");
	}
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
				    "machines", machines_array(&listing->attachments, name));
		return;
	}
	print_error(fault);
	table_add(&listing->table, name);
	table_add(&listing->table, "broken");
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
	err_set(&fault, why.code,
		"volume '%s' has lost its data: %s; bring them back, or delete the volume: berth "
		"volume delete --force %s",
		name, why.text, name);
	add_broken(listing, name, r == -ENOENT ? "volume" : "pool", &fault);
	return true;
}

static void add_row(struct listing *listing, const char *name, const struct volume_config *config)
{
	char when[32];

	print_time(config->created, when, sizeof when);
	table_add(&listing->table, name);
	table_add(&listing->table, config->pool);
	add_users(listing, name);
	table_add(&listing->table, when);
	table_add(&listing->table, config->description);
}

static int visit_volume(void *context, const char *name, const struct volume_config *config,
			const struct err *fault)
{
	struct listing *listing = context;

	text_add_bytes(&listing->seen, name, strlen(name) + 1);
	if (!config)
		add_broken(listing, name, "volume.conf", fault);
	else if (is_broken(listing, name, config))
		return 0;
	else if (listing->array)
		json_array_append_new(listing->array,
				      volume_object(&listing->attachments, name, config));
	else
		add_row(listing, name, config);
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
	static const char *const heads[] = { "NAME",    "POOL",        "MACHINE",
					     "CREATED", "DESCRIPTION", NULL };
	struct listing listing = { .inventory = { .dirs = &call->dirs },
				   .attachments = { .dirs = &call->dirs } };
	bool json = call_has(call, &flag_json);

	if (json)
		listing.array = json_array();
	table_begin(&listing.table, heads);
	int r = gather(&listing.attachments, err);
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
	free(listing.attachments.list);
	text_free(&listing.table.cells);
	text_free(&listing.seen);
	inventory_free(&listing.inventory);
	return r == 0 && listing.broken ? EXIT_FAILED : r;
}

/* ---- info */

/* Facts that only the pool has. */
struct data_facts {
	struct volume_info info;
	uint64_t used;
	struct err fault;              /* why they are not known */
	struct volume_info *snapshots; /* owned; their names without the beginning */
	size_t count, skip;
};

static int note_snapshot(void *context, const struct volume_info *info)
{
	struct data_facts *facts = context;
	struct volume_info *list = realloc(facts->snapshots, (facts->count + 1) * sizeof *list);

	if (!list)
		return -ENOMEM;
	facts->snapshots = list;
	list[facts->count] = *info;
	text_print(list[facts->count++].name, sizeof info->name, "%s", info->name + facts->skip);
	return 0;
}

/* The oldest first. */
static int by_time(const void *a, const void *b)
{
	const struct volume_info *one = a, *other = b;

	if (one->created != other->created)
		return one->created < other->created ? -1 : 1;
	return strcmp(one->name, other->name);
}

static void find_snapshots(struct pool *pool, const char *name, struct data_facts *facts)
{
	char prefix[VOLUME_NAME_MAX + 1];

	data_snapshot_volume(name, "", prefix);
	facts->skip = strlen(prefix);
	int r = volume_list(pool, prefix, note_snapshot, facts, &facts->fault);
	if (r < 0 && !facts->fault.code)
		err_set(&facts->fault, -r, "out of memory");
	if (facts->count > 0)
		qsort(facts->snapshots, facts->count, sizeof *facts->snapshots, by_time);
}

static json_t *snapshots_array(const struct data_facts *facts)
{
	json_t *array = json_array();

	for (size_t i = 0; i < facts->count; i++)
		json_array_append_new(
			array, json_members((const struct json_member[]){
				       { "name", json_string(facts->snapshots[i].name) },
				       { "created", json_count(facts->snapshots[i].created) },
				       { 0 },
			       }));
	return array;
}

static void look(const struct dirs *dirs, const char *name, const struct volume_config *config,
		 struct data_facts *facts)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char volume[VOLUME_NAME_MAX + 1];

	*facts = (struct data_facts){ 0 };
	data_volume(name, volume);
	if (pool_view(&pool, dirs, config->pool, &facts->fault) == 0 &&
	    volume_info(&pool, volume, &facts->info, &facts->fault) == 0)
		volume_measure(&pool, volume, &facts->used, &facts->fault);
	if (!facts->fault.code)
		find_snapshots(&pool, name, facts);
}

static void show(const char *label, const char *value)
{
	print_field(14, label, value);
}

static void show_volume(const char *name, const struct volume_config *config,
			const struct data_facts *facts, const struct attachments *all)
{
	char size[32] = "", used[32], when[32];
	const char *label = "machine:";

	print_time(config->created, when, sizeof when);
	text_human_size(facts->used, used, sizeof used);
	if (facts->info.size)
		text_human_size(facts->info.size, size, sizeof size);
	show("name:", name);
	show("description:", config->description);
	show("pool:", config->pool);
	show("size:", size);
	show("used:", facts->fault.code ? facts->fault.text : used);
	for (size_t i = 0; i < all->count; i++) {
		const struct attachment *one = &all->list[i];
		scoped_free char *line = text_format("%s at %s%s", one->machine, one->target,
						     one->readonly ? ", read-only" : "");
		if (strcmp(one->volume, name) != 0)
			continue;
		show(label, line ? line : "");
		label = "";
	}
	label = "snapshots:";
	for (size_t i = 0; i < facts->count; i++, label = "")
		show(label, facts->snapshots[i].name);
	show("origin:", config->origin);
	show("created:", when);
	show("uuid:", config->uuid);
}

static int print_volume(const struct call *call, const char *name,
			const struct volume_config *config, struct err *err)
{
	struct attachments all = { .dirs = &call->dirs };
	struct data_facts facts;

	int r = gather(&all, err);
	look(&call->dirs, name, config, &facts);
	if (r == 0 && call_has(call, &flag_json)) {
		json_t *object = volume_object(&all, name, config);
		if (object) {
			json_object_set_new(object, "size", json_count(facts.info.size));
			json_object_set_new(object, "used",
					    facts.fault.code
						    ? json_null()
						    : json_integer((json_int_t)facts.used));
			json_object_set_new(object, "snapshots", snapshots_array(&facts));
			json_object_set_new(object, "error", json_text(facts.fault.text));
		}
		r = print_json(object, err);
	} else if (r == 0) {
		show_volume(name, config, &facts, &all);
	}
	free(all.list);
	free(facts.snapshots);
	return r;
}

static int run_info(struct call *call, struct err *err)
{
	const char *name = call->words[0];
	struct volume_config config = { 0 };
	int r = name_check(name, err);

	if (r == 0)
		r = data_open(&call->dirs, name, &config, err);
	if (r != 0)
		return r;
	r = print_volume(call, name, &config, err);
	config_free(&volume_schema, &config);
	return r;
}

const struct command volume_verb_list = {
	.traits = COMMAND_LOOKS,
	.group = "volume",
	.name = "list",
	.aliases = "ls",
	.args = "",
	.help = "List volumes and the machines that have them",
	.flags = show_flags,
	.run = run_list,
};

const struct command volume_verb_info = {
	.traits = COMMAND_LOOKS,
	.group = "volume",
	.name = "info",
	.aliases = "show",
	.args = "VOLUME",
	.help = "Show what is known of a volume",
	.flags = show_flags,
	.min = 1,
	.max = 1,
	.first = WORD_VOLUME,
	.run = run_info,
};
