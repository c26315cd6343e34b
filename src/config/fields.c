/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of one struct: looked up, and their values put into its fields and taken out, by the schema's rows.
 * Sections of a struct are in section.c, files in file.c.
 */
#include "config/build_file.h"
#include "config/file.h"
#include "config/types.h"

#include "base/scoped.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* "memory" for limits.memory. */
static const char *last_part(const char *name, const char *const *keys)
{
	for (; *keys; keys++) {
		const char *dot = strrchr(*keys, '.');
		if (dot && strcmp(dot + 1, name) == 0)
			return *keys;
	}
	return NULL;
}

static int by_name(const void *name, const void *key)
{
	return strcmp(name, ((const struct key *)key)->name);
}

static const struct key *look_up(const struct schema *schema, const char *name)
{
	return bsearch(name, schema->keys, schema->count, sizeof *schema->keys, by_name);
}

/* Whether it is a key of machines, written without "default.". */
static bool is_preset(const struct schema *schema, const char *name)
{
	return schema->presets_of &&
	       (look_up(schema->presets_of, name) || config_family(schema->presets_of, name, NULL));
}

void fields_tell_unknown(const struct schema *schema, const char *prefix, const char *name,
			 struct err *err)
{
	const char *names[SCHEMA_KEYS_MAX + 1] = { NULL };

	assert(schema->count <= SCHEMA_KEYS_MAX);
	for (size_t i = 0; i < schema->count; i++)
		names[i] = schema->keys[i].name;
	const char *near = last_part(name, names);
	if (!near)
		near = text_nearest(name, names);
	if (strcmp(name, CONFIG_FORMAT_KEY) == 0 && !schema->head)
		err_set(err, ENOENT, "%s%s is made by berth and cannot be set", prefix, name);
	else if (*name == '\0')
		err_set(err, ENOENT, "there is no key before the '='");
	else if (value_text_fault(name) || strlen(name) > 100)
		err_set(err, ENOENT, "the key is not text");
	else if (is_preset(schema, name))
		err_set(err, ENOENT, "unknown key '%s'; did you mean 'default.%s'?", name, name);
	else if (near)
		err_set(err, ENOENT, "unknown key '%s%s'; did you mean '%s%s'?", prefix, name,
			prefix, near);
	else
		err_set(err, ENOENT, "unknown key '%s%s'; %s%s(5) lists the keys", prefix, name,
			schema == &build_schema                                ? "berth.template"
			: schema == &remote_schema || schema == &recipe_schema ? "berth"
			: schema->head                                         ? "machine"
									       : schema->what,
			schema == &build_schema ? "" : ".conf");
}

const struct key *config_find(const struct schema *schema, const char *name, struct err *err)
{
	const struct key *key = look_up(schema, name);

	if (!key)
		fields_tell_unknown(schema, "", name, err);
	return key;
}

/* The address of a field, whose C type follows from the type of its key. */
static void *field_of(void *config, const struct key *key)
{
	return (char *)config + key->offset;
}

static const void *field_in(const void *config, const struct key *key)
{
	return (const char *)config + key->offset;
}

static void put(void *field, const struct type *type, const union value *value)
{
	switch (type->field) {
	case FIELD_TEXT:
		free(*(char **)field);
		*(char **)field = value->text;
		break;
	case FIELD_BOOL:
		*(bool *)field = value->truth;
		break;
	case FIELD_NUMBER:
		*(uint64_t *)field = value->number;
		break;
	}
}

int config_set(const struct schema *schema, void *config, const struct key *key, const char *value,
	       struct err *err)
{
	char text[CONFIG_LINE_MAX + 1];
	union value parsed = { 0 };

	assert(key >= schema->keys && key < schema->keys + schema->count);
	if (value_trim(key->name, value, text, err) < 0)
		return -err->code;
	if ((key->type == KEY_PATH || key->type == KEY_PLACE) && strlen(text) != strlen(value))
		return err_set(err, EINVAL,
			       "the value of %s begins or ends with a blank, which a file of "
			       "settings cannot keep; rename what has that name",
			       key->name);
	int r = type_of(key)->parse(key, text, &parsed, err);
	if (r < 0)
		return r;
	put(field_of(config, key), type_of(key), &parsed);
	return 0;
}

void config_text(const void *config, const struct key *key, struct text *out)
{
	const struct type *type = type_of(key);
	const void *field = field_in(config, key);
	char number[32];

	switch (type->field) {
	case FIELD_TEXT:
		if (*(char *const *)field)
			text_add(out, "%s", *(char *const *)field);
		break;
	case FIELD_BOOL:
		text_add(out, "%s", *(const bool *)field ? "yes" : "no");
		break;
	case FIELD_NUMBER:
		if (type->print)
			type->print(*(const uint64_t *)field, number, sizeof number);
		else
			snprintf(number, sizeof number, "%" PRIu64, *(const uint64_t *)field);
		text_add(out, "%s", number);
		break;
	}
}

/* Most defaults are empty texts, and a list of a thousand machines sets fifty thousand of them. */
static int set_default(const struct schema *schema, void *config, const struct key *key,
		       struct err *err)
{
	char **text = field_of(config, key);

	if (*key->fallback || type_of(key)->field != FIELD_TEXT)
		return config_set(schema, config, key, key->fallback, err);
	*text = strdup("");
	return *text ? 0 : err_set(err, ENOMEM, "out of memory");
}

void keys_free(const struct schema *schema, void *config)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (type_of(&schema->keys[i])->field == FIELD_TEXT)
			free(*(char **)field_of(config, &schema->keys[i]));
	}
	memset(config, 0, schema->size);
}

int keys_defaults(const struct schema *schema, void *config, struct err *err)
{
	memset(config, 0, schema->size);
	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		int r = set_default(schema, config, key, err);
		if (r < 0) {
			keys_free(schema, config);
			return r;
		}
	}
	return 0;
}

int keys_print(const struct schema *schema, const void *config, struct text *out)
{
	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		scoped_text struct text value = { 0 };
		config_text(config, key, &value);
		if (value.failed)
			out->failed = true;
		if ((key->type == KEY_CHOICE && (key->flags & KEY_FIXED)) ||
		    strcmp(text_str(&value), key->fallback) != 0)
			text_add(out, "%s = %s\n", key->name, text_str(&value));
	}
	return out->failed ? -ENOMEM : 0;
}
