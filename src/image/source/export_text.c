/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/values.h"
#include "image/source/export.h"

#include "base/scoped.h"
#include "image/shared/goarch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

static int finish(json_t *json, size_t flags, struct text *out, struct err *err)
{
	scoped_free char *text = json ? json_dumps(json, flags) : NULL;

	json_decref(json);
	if (!text || text_add(out, "%s\n", text) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static void set(json_t *object, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(object, key, json_string(value));
}

/* JSON is YAML too, and has no questions of quoting. */
int export_metadata(const char *name, const struct template_config *config, struct text *out,
		    struct err *err)
{
	json_t *json = json_object(), *properties = json_object();

	set(properties, "description", *config->description ? config->description : name);
	set(properties, "name", name);
	set(properties, "os", config->distribution);
	set(properties, "release", config->release);
	set(properties, "architecture", config->arch);
	set(json, "architecture", config->arch);
	json_object_set_new(json, "creation_date", json_integer((json_int_t)config->created));
	json_object_set_new(json, "properties", properties);
	return finish(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER, out, err);
}

/* ---- OCI */

static const char *preset(const struct template_config *config, const char *key)
{
	const char *value = config_label(config->presets, key);

	return value && *value ? value : NULL;
}

static int set_words(json_t *object, const char *key, char **words, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(words[i]));
	return json_object_set_new(object, key, array);
}

/* The words of the Entrypoint, and those of the Cmd behind them. */
static int set_command(json_t *object, const struct template_config *config, const char *command,
		       struct err *err)
{
	scoped_free char **words = NULL;
	size_t count = 0, first = config->image_entrypoint;

	if (config_words(command, &words, err) < 0)
		return -err->code;
	while (words[count])
		count++;
	if (first > count)
		first = count;
	if (first > 0)
		set_words(object, "Entrypoint", words, first);
	if (count > first)
		set_words(object, "Cmd", words + first, count - first);
	return 0;
}

/* An image of a root that boots names its init, as images of systemd do. */
static int set_program(json_t *object, const struct template_config *config, struct err *err)
{
	const char *command = preset(config, "app.command"), *env = preset(config, "env");
	const char *init = preset(config, "init");
	scoped_free char **words = NULL;
	size_t count = 0;

	if (env && config_env(env, &words, err) < 0)
		return -err->code;
	while (words && words[count])
		count++;
	if (count > 0)
		set_words(object, "Env", words, count);
	set(object, "User", preset(config, "app.user"));
	set(object, "WorkingDir", preset(config, "app.directory"));
	if (command) {
		set(object, "StopSignal", preset(config, "app.signal"));
		return set_command(object, config, command, err);
	}
	if (strcmp(config->init, "none") == 0 && !init)
		return 0;
	char *boot[] = { (char *)(uintptr_t)(init ? init : "/sbin/init") };
	set_words(object, "Cmd", boot, 1);
	if (strcmp(config->init, "systemd") == 0)
		set(object, "StopSignal", "SIGRTMIN+3");
	return 0;
}

int export_settings(const char *name, const struct template_config *config, struct text *out,
		    struct err *err)
{
	json_t *json = json_object(), *program = json_object();
	time_t created = (time_t)config->created;
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&created, &tm))
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	set(json, "name", name);
	set(json, "created", when);
	set(json, "architecture", goarch_of(config->arch));
	set(json, "os", "linux");
	int r = set_program(program, config, err);
	json_object_set_new(json, "config", program);
	if (r == 0)
		return finish(json, JSON_COMPACT, out, err);
	json_decref(json);
	return r;
}
