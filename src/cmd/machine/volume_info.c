/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume info: one volume for data, its snapshots and its machines. */
#include "cmd/machine/volume.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/machine/attachments.h"
#include "machine/data/data.h"

#include <string.h>

static const struct flag *const info_flags[] = { &flag_json, NULL };

json_t *volume_object(const struct attachments *all, const char *name,
		      const struct volume_config *config)
{
	return json_members((const struct json_member[]){
		{ "name", json_string(name) },
		{ "description", json_text(config->description) },
		{ "pool", json_string(config->pool) },
		{ "origin", json_text(config->origin) },
		{ "created", json_count(config->created) },
		{ "uuid", json_text(config->uuid) },
		{ "machines", attachments_array(all, name) },
		{ 0 },
	});
}

/* Facts that only the pool has. */
struct data_facts {
	struct volume_info info;
	uint64_t used;
	struct err fault;                 /* why they are not known */
	struct snapshot_entry *snapshots; /* owned; the oldest first */
	size_t count;
};

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
		data_snapshots(&pool, name, &facts->snapshots, &facts->count, &facts->fault);
}

static void show(const char *label, const char *value)
{
	print_field(14, label, value);
}

static void show_machines(const struct attachments *all, const char *name)
{
	const char *label = "machine:";

	for (size_t i = 0; i < all->count; i++) {
		const struct attachment *one = &all->list[i];
		scoped_free char *line = text_format("%s at %s%s", one->machine, one->target,
						     one->readonly ? ", read-only" : "");
		if (strcmp(one->volume, name) != 0)
			continue;
		show(label, line ? line : "");
		label = "";
	}
}

static void show_snapshot(const char *label, const struct snapshot_entry *one)
{
	char when[32];

	print_time(one->created, when, sizeof when);
	scoped_free char *line = text_format("%s%s%s", one->name, *when ? ", " : "", when);
	show(label, line ? line : "");
}

static void show_volume(const char *name, const struct volume_config *config,
			const struct data_facts *facts, const struct attachments *all)
{
	char size[32] = "", used[32], when[32];
	const char *label = "snapshots:";

	print_time(config->created, when, sizeof when);
	text_human_size(facts->used, used, sizeof used);
	if (facts->info.size)
		text_human_size(facts->info.size, size, sizeof size);
	show("name:", name);
	show("description:", config->description);
	show("pool:", config->pool);
	show("size:", size);
	show("used:", used);
	show_machines(all, name);
	for (size_t i = 0; i < facts->count; i++, label = "")
		show_snapshot(label, &facts->snapshots[i]);
	if (*config->maker)
		show("goes with:", strchrnul(config->maker, ' ') + 1);
	show("origin:", config->origin);
	show("created:", when);
	show("uuid:", config->uuid);
}

/* Machines that have a broken one cannot start, and have to be known. */
static int print_broken(const struct call *call, const char *name, const char *missing,
			const struct err *fault, struct err *err)
{
	scoped_attachments struct attachments all = { 0 };

	if (attachments_gather(&all, &call->dirs, err) < 0)
		return -err->code;
	print_error(fault);
	if (!call_has(call, &flag_json)) {
		show("name:", name);
		show("state:", "broken");
		show("missing:", missing);
		show_machines(&all, name);
		return EXIT_FAILED;
	}
	json_t *object = json_members((const struct json_member[]){
		{ "name", json_string(name) },
		{ "state", json_string("broken") },
		{ "missing", json_string(missing) },
		{ "error", json_text(fault->text) },
		{ "machines", attachments_array(&all, name) },
		{ 0 },
	});
	int r = print_json(object, err);
	return r < 0 ? r : EXIT_FAILED;
}

static int print_volume(const struct call *call, const char *name,
			const struct volume_config *config, struct err *err)
{
	scoped_attachments struct attachments all = { 0 };
	struct data_facts facts;

	int r = attachments_gather(&all, &call->dirs, err);
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
	free(facts.snapshots);
	return r;
}

static int run_info(struct call *call, struct err *err)
{
	const char *name = call->words[0];
	struct volume_config config = { 0 };
	scoped_inventory struct inventory inventory = { .dirs = &call->dirs };
	struct err fault = { 0 };
	int r = name_check(name, err);

	if (r != 0)
		return r;
	r = data_open(&call->dirs, name, &config, &fault);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "%s", fault.text);
	if (r < 0)
		return print_broken(call, name, "volume.conf", &fault, err);
	struct err why = { 0 };
	r = data_has_volume(&inventory, name, &config, &why);
	if (r < 0)
		data_lost(name, &why, &fault);
	r = r < 0 ? print_broken(call, name, r == -ENOENT ? "volume" : "pool", &fault, err)
		  : print_volume(call, name, &config, err);
	config_free(&volume_schema, &config);
	return r;
}

const struct command volume_verb_info = {
	.traits = COMMAND_LOOKS,
	.group = "volume",
	.name = "info",
	.aliases = "show",
	.args = "VOLUME",
	.help = "Show what is known of a volume",
	.flags = info_flags,
	.min = 1,
	.max = 1,
	.first = WORD_VOLUME,
	.run = run_info,
};
