/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/ahead.h"

#include "api/body.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/common.h"
#include "image/template/template.h"
#include "machine/data/data.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <string.h>

static const char *named(const struct exchange *exchange, const char *field)
{
	return json_string_value(body_member(exchange->request->body, field));
}

static int check_label(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	return fault ? err_set(err, EINVAL, "name '%.100s' %s", name, fault) : 0;
}

/* A template that has lost its parts is there: to delete it is a way out. */
static int check_template(const struct dirs *dirs, const char *name, struct err *err)
{
	struct template_config config;
	struct err why = { 0 };

	if (check_label(name, err) < 0)
		return -err->code;
	int r = template_open(dirs, name, &config, &why);
	if (r == 0)
		config_free(&template_schema, &config);
	if (r == -ENOENT)
		*err = why;
	return -err->code;
}

static int check_volume(const struct dirs *dirs, const char *name, struct err *err)
{
	struct volume_config config;
	struct err why = { 0 };
	int r = data_open(dirs, name, &config, &why);

	if (r == 0)
		config_free(&volume_schema, &config);
	if (r == -ENOENT)
		*err = why;
	return -err->code;
}

/* The machine, and its snapshot (NULL: none); whether the pool can tell of it is for the verb to find out. */
static int check_machine(const struct dirs *dirs, const char *name, const char *snapshot,
			 struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };

	if (check_label(name, err) < 0 || machine_look(&machine, dirs, name, err) < 0)
		return -err->code;
	if (snapshot && snapshot_exists(&machine, snapshot, &why) == -ENOENT)
		*err = why;
	return -err->code;
}

static int check_path(const struct exchange *exchange, struct err *err)
{
	const struct dirs *dirs = &exchange->call->dirs;
	const struct match *match = &exchange->match;
	const char *machine = match_name(match, "machine");
	const char *template = match_name(match, "template"), *volume = match_name(match, "volume");

	if (machine)
		return check_machine(dirs, machine, match_name(match, "snapshot"), err);
	if (template)
		return check_template(dirs, template, err);
	return volume ? check_volume(dirs, volume, err) : 0;
}

/* A word with a colon is an image of a server, which is asked by the verb. */
static int check_sources(const struct exchange *exchange, struct err *err)
{
	const struct dirs *dirs = &exchange->call->dirs;
	const char *template = named(exchange, "source.template");
	const char *machine = named(exchange, "source.machine");

	if (template && !strchr(template, ':') && check_template(dirs, template, err) < 0)
		return -err->code;
	return machine ? check_machine(dirs, machine, named(exchange, "source.snapshot"), err) : 0;
}

static int check_settings(const struct exchange *exchange, struct err *err)
{
	json_t *config = json_object_get(exchange->request->body, "config"), *value;
	struct machine_config made = { 0 };
	const char *key;

	json_object_foreach(config, key, value)
	{
		scoped_free char *text = body_text(value);
		if (!text)
			err_set(err, ENOMEM, "out of memory");
		else if (setting_check(&machine_schema, &made, key, text, err) > 0)
			err->code = EINVAL;
		if (err->code)
			break;
	}
	config_free(&machine_schema, &made);
	return -err->code;
}

static int check_new_machine(const struct exchange *exchange, struct err *err)
{
	scoped_machine struct machine there = { 0 };
	const char *name = named(exchange, "name");

	if (name && machine_look(&there, &exchange->call->dirs, name, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' exists already; choose another name or delete it",
			       name);
	return check_settings(exchange, err) < 0 ? -err->code : check_sources(exchange, err);
}

int ahead_check(const struct exchange *exchange, struct err *err)
{
	const char *path = exchange->match.route->path;

	if (check_path(exchange, err) < 0)
		return -err->code;
	if (strcmp(path, "/1.0/machines") == 0)
		return check_new_machine(exchange, err);
	return strcmp(path, "/1.0/templates") == 0 ? check_sources(exchange, err) : 0;
}
