/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template info: shows one template, and the machines that were created from it. */
#include "cmd/template/template.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/print.h"
#include "image/template/template.h"
#include "machine/state/machine.h"

#include <string.h>

static const struct flag *const info_flags[] = { &flag_json, NULL };

json_t *template_object(const char *name, const struct template_config *config)
{
	return json_members((const struct json_member[]){
		{ "name", json_string(name) },
		{ "description", json_text(config->description) },
		{ "distribution", json_text(config->distribution) },
		{ "release", json_text(config->release) },
		{ "arch", json_text(config->arch) },
		{ "init", json_text(config->init) },
		{ "pool", json_text(config->pool) },
		{ "origin", json_text(config->origin) },
		{ "size", json_count(config->size) },
		{ "created", json_count(config->created) },
		{ "uuid", json_text(config->uuid) },
		{ 0 },
	});
}

void template_size_text(const struct template_config *config, char *out, size_t room)
{
	if (config->size)
		text_human_size(config->size, out, room);
	else
		snprintf(out, room, "-");
}

struct search {
	const struct dirs *dirs;
	const char *template;
	struct text *users;
};

static int look_at(void *context, const char *name)
{
	const struct search *search = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, search->dirs, name, &(struct err){ 0 }) == 0 &&
	    machine.config.template && strcmp(machine.config.template, search->template) == 0)
		text_add_bytes(search->users, name, strlen(name) + 1);
	return 0;
}

void template_users(const struct dirs *dirs, const char *name, struct text *users)
{
	struct search search = { dirs, name, users };

	machine_list(dirs, look_at, &search, &(struct err){ 0 });
}

static json_t *users_array(const struct text *users)
{
	json_t *array = json_array();

	for (size_t at = 0; at < users->length; at += strlen(users->data + at) + 1)
		json_array_append_new(array, json_string(users->data + at));
	return array;
}

static void show(const char *label, const char *value)
{
	print_field(14, label, value);
}

static void show_presets(const struct label *preset)
{
	const char *label = "defaults:";

	for (; preset; preset = preset->next, label = "") {
		scoped_free char *line = text_format("%s = %s", preset->name, preset->value);
		show(label, line ? line : "");
	}
}

static void show_template(const char *name, const struct template_config *config,
			  const struct text *users)
{
	char size[32], when[32];

	template_size_text(config, size, sizeof size);
	print_time(config->created, when, sizeof when);
	show("name:", name);
	show("description:", config->description);
	show("distribution:", config->distribution);
	show("release:", config->release);
	show("architecture:", config->arch);
	show("init:", config->init);
	show("pool:", config->pool);
	show("size:", size);
	show("origin:", config->origin);
	show("made:", when);
	show("uuid:", config->uuid);
	show_presets(config->presets);
	for (size_t at = 0; at < users->length; at += strlen(users->data + at) + 1)
		show(at == 0 ? "machines:" : "", users->data + at);
}

static int run_info(struct call *call, struct err *err)
{
	const char *name = call->words[0];
	struct template_config config = { 0 };
	scoped_text struct text users = { 0 };
	int r = name_check(name, err);

	if (r == 0)
		r = template_open(&call->dirs, name, &config, err);
	if (r != 0)
		return r;
	template_users(&call->dirs, name, &users);
	if (call_has(call, &flag_json)) {
		json_t *object = template_object(name, &config);
		if (object) {
			json_object_set_new(object, "defaults", labels_object(config.presets));
			json_object_set_new(object, "machines", users_array(&users));
		}
		r = print_json(object, err);
	} else {
		show_template(name, &config, &users);
	}
	config_free(&template_schema, &config);
	return r;
}

const struct command template_info = {
	.traits = COMMAND_LOOKS,
	.group = "template",
	.name = "info",
	.aliases = "show",
	.args = "TEMPLATE",
	.help = "Show what is known of a template, and which machines were made from it",
	.flags = info_flags,
	.min = 1,
	.max = 1,
	.first = WORD_TEMPLATE,
	.run = run_info,
};
