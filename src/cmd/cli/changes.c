/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/changes.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/policy.h"
#include "cmd/cli/print.h"

#include <string.h>

void changes_free(struct changes *changes)
{
	for (char **word = changes->words; word && *word; word++)
		free(*word);
	free(changes->words);
	free(changes->list);
}

/* Splits "key=value" in place, or with unset "key". 0 or EXIT_USAGE. */
static int split_word(char *word, bool unset, struct config_change *change, struct err *err)
{
	char *equals = strchr(word, '=');

	change->name = word;
	if (unset && equals)
		err_set(err, EINVAL, "unset takes keys without values: write '%.*s'",
			(int)(equals - word), word);
	else if (!unset && !equals)
		err_set(err, EINVAL, "'%.100s' has no value: write '%.100s=VALUE'", word, word);
	if (err->code)
		return EXIT_USAGE;
	if (equals) {
		*equals = '\0';
		change->value = equals + 1;
	}
	return 0;
}

static bool is_there(const struct changes *changes, const char *name)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (strcmp(changes->list[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Collects the words behind the name. */
static int gather(const struct call *call, const char *what, bool unset, struct changes *changes,
		  struct err *err)
{
	changes->words = calloc((size_t)call->count, sizeof *changes->words);
	changes->list = calloc((size_t)call->count, sizeof *changes->list);
	if (!changes->words || !changes->list)
		return err_set(err, ENOMEM, "out of memory");
	if (strchr(call->words[0], '=')) {
		err_set(err, EINVAL, "the %s's name stands before its settings: '%.100s' is none",
			what, call->words[0]);
		return EXIT_USAGE;
	}
	for (int i = 1; i < call->count; i++) {
		struct config_change change = { 0 };
		char *word = changes->words[i - 1] = strdup(call->words[i]);
		if (!word)
			return err_set(err, ENOMEM, "out of memory");
		int r = split_word(word, unset, &change, err);
		if (r != 0)
			return r;
		if (is_there(changes, change.name)) {
			err_set(err, EINVAL, "'%.100s' is given twice; keep one of both",
				change.name);
			return EXIT_USAGE;
		}
		changes->list[changes->count++] = change;
	}
	return 0;
}

/* Refuses words that are invalid for every object of the kind, with EXIT_USAGE. unset takes any key. */
static int check_words(const struct schema *schema, enum changes_kind kind,
		       const struct changes *changes, struct err *err)
{
	union {
		struct machine_config machine;
		struct template_config template;
		struct network_config network;
		struct volume_config volume;
		struct pool_config pool;
	} scratch = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < changes->count; i++) {
		const struct config_change *change = &changes->list[i];
		if (kind == CHANGES_CREATE && config_flags(schema, change->name) & KEY_CHOSEN)
			r = config_put(schema, &scratch, change->name, change->value, err) < 0
				    ? EXIT_USAGE
				    : 0;
		else if (change->value)
			r = setting_check(schema, &scratch, change->name, change->value, err);
	}
	config_free(schema, &scratch);
	return r;
}

int changes_given(const struct call *call, const struct schema *schema, enum changes_kind kind,
		  struct changes *changes, struct err *err)
{
	int r = gather(call, schema->what, kind == CHANGES_UNSET, changes, err);

	return r != 0 ? r : check_words(schema, kind, changes, err);
}

/* Numbers and booleans as such, all other values as strings: "max", and "" for no value. */
static json_t *key_value(const void *config, const struct key *key)
{
	const void *field = (const char *)config + key->offset;
	scoped_text struct text text = { 0 };

	if (key->type == KEY_BOOL)
		return json_boolean(*(const bool *)field);
	if (key->type == KEY_NUMBER || key->type == KEY_SIZE || key->type == KEY_DURATION ||
	    key->type == KEY_MTU)
		return json_integer((json_int_t) * (const uint64_t *)field);
	if (key->type == KEY_ROOM && *(const uint64_t *)field != UINT64_MAX)
		return json_integer((json_int_t) * (const uint64_t *)field);
	if (key->type == KEY_CPUS)
		return json_real((double)*(const uint64_t *)field / 100);
	config_text(config, key, &text);
	return json_string(text_str(&text));
}

/* ---- What they change */

const struct flag *const changes_flags[] = { &flag_dry_run, &flag_json, NULL };

bool changes_wanted(const struct call *call)
{
	return call_has(call, &flag_dry_run) || call_has(call, &flag_json);
}

/* The value of a key, or of a label whose text that is; null: there is no such label. */
static json_t *value_of(const struct schema *schema, const void *config, const char *name,
			const char *text)
{
	const struct key *key = config_find(schema, name, &(struct err){ 0 });

	return key ? key_value(config, key) : json_text(text);
}

/* The value of a key in both, if it is not the same. A line without a meaning that was removed had none. */
static bool differs(const struct schema *schema, const void *before, const void *after,
		    const char *name, struct text *from, struct text *to)
{
	struct err ignored = { 0 };

	return config_get(schema, before, name, from, &ignored) == 0 &&
	       config_get(schema, after, name, to, &ignored) == 0 &&
	       strcmp(text_str(from), text_str(to)) != 0;
}

bool changes_any(const struct schema *schema, const void *before, const void *after,
		 const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		scoped_text struct text from = { 0 }, to = { 0 };
		if (differs(schema, before, after, changes->list[i].name, &from, &to))
			return true;
	}
	return false;
}

static int show_change(json_t *array, const struct schema *schema, const void *before,
		       const void *after, const char *name, struct err *err)
{
	scoped_text struct text from = { 0 }, to = { 0 };

	if (!differs(schema, before, after, name, &from, &to))
		return 0;
	if (!array) {
		printf("%s = %s, was %s\n", name, text_str(&to), text_str(&from));
		return 0;
	}
	json_t *object = json_members((struct json_member[]){
		{ "key", json_string(name) },
		{ "from", value_of(schema, before, name, text_str(&from)) },
		{ "to", value_of(schema, after, name, text_str(&to)) },
		{ 0 },
	});
	return json_array_append_new(array, object) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

int changes_show(const struct call *call, const struct schema *schema, const void *before,
		 const void *after, const struct changes *changes, struct err *err)
{
	json_t *array = call_has(call, &flag_json) ? json_array() : NULL;

	if (!changes_wanted(call))
		return 0;
	for (size_t i = 0; i < changes->count; i++) {
		if (show_change(array, schema, before, after, changes->list[i].name, err) < 0) {
			json_decref(array);
			return -err->code;
		}
	}
	return call_has(call, &flag_json) ? print_json(array, err) : 0;
}

/* ---- What is set */

static int get_one(const struct call *call, const struct schema *schema, const void *config,
		   const char *name, struct err *err)
{
	bool chosen = config_family(schema, name, NULL) || config_preset_name(schema, name);
	const struct key *key = chosen ? NULL : config_find(schema, name, err);
	scoped_text struct text value = { 0 };

	const char *preset = config_preset_name(schema, name);
	if ((!key && !chosen) || (preset && !config_preset_is_known(schema, preset, err)))
		return EXIT_USAGE;
	if (key && call_has(call, &flag_json))
		return print_json(key_value(config, key), err);
	if (config_get(schema, config, name, &value, err) < 0)
		return EXIT_USAGE;
	if (call_has(call, &flag_json))
		return print_json(json_string(text_str(&value)), err);
	printf("%s\n", text_str(&value));
	return 0;
}

/* Keys whose names the user chose: those of a family, and presets. */
static void get_chosen(const char *prefix, const struct label *label, json_t *object)
{
	for (; label; label = label->next) {
		scoped_free char *name = text_format("%s%s", prefix, label->name);
		if (object)
			json_object_set_new(object, name ? name : "", json_string(label->value));
		else
			printf("%s%s = %s\n", prefix, label->name, label->value);
	}
}

static int get_all(const struct call *call, const struct schema *schema, const void *config,
		   const struct label *presets, struct err *err)
{
	json_t *object = call_has(call, &flag_json) ? json_object() : NULL;

	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		scoped_text struct text value = { 0 };
		config_text(config, key, &value);
		if (object)
			json_object_set_new(object, key->name, key_value(config, key));
		else
			printf("%s = %s\n", key->name, text_str(&value));
	}
	for (const struct key_family *family = schema->families; family && family->prefix; family++)
		get_chosen(family->prefix, config_family_first(family, config), object);
	get_chosen("default.", presets, object);
	return call_has(call, &flag_json) ? print_json(object, err) : 0;
}

int settings_show(const struct call *call, const struct schema *schema, const void *config,
		  const struct label *presets, struct err *err)
{
	return call->count > 1 ? get_one(call, schema, config, call->words[1], err)
			       : get_all(call, schema, config, presets, err);
}
