/* Values out of structs and into them: one field, all defaults, the text of a whole file. */
#include "config/kinds.h"

#include "base/file.h"
#include "base/scoped.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* The field's address, as a type of its own: only by its key's kind is it known which. */
static void *field_of(void *config, const struct key *key)
{
	return (char *)config + key->offset;
}

static const void *field_in(const void *config, const struct key *key)
{
	return (const char *)config + key->offset;
}

/* The value without the white space around it, in a buffer of CONFIG_LINE_MAX + 1. */
static const char *trim(const char *value, char *room)
{
	value += strspn(value, " \t\r\n\v\f");
	size_t n = strlen(value);
	while (n > 0 && isspace((unsigned char)value[n - 1]))
		n--;
	if (n > CONFIG_LINE_MAX)
		return NULL;
	memcpy(room, value, n);
	room[n] = '\0';
	return room;
}

static void put(void *field, const struct kind *kind, const union value *value)
{
	switch (kind->field) {
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
	char room[CONFIG_LINE_MAX + 1];
	union value parsed = { 0 };

	assert(key >= schema->keys && key < schema->keys + schema->count);
	const char *text = trim(value, room);
	const char *fault = text ? kind_text_fault(text) : "is longer than 4096 bytes";
	if (!fault && key->kind == KEY_PATH && strlen(text) != strlen(value))
		fault = "begins or ends with a blank, which a file of settings cannot keep; rename "
			"what has that name";
	if (fault)
		return err_set(err, EINVAL, "the value of %s %s", key->name, fault);
	int r = kind_of(key)->parse(key, text, &parsed, err);
	if (r < 0)
		return r;
	put(field_of(config, key), kind_of(key), &parsed);
	return 0;
}

void config_text(const void *config, const struct key *key, struct text *out)
{
	const struct kind *kind = kind_of(key);
	const void *field = field_in(config, key);
	char number[32];

	switch (kind->field) {
	case FIELD_TEXT:
		if (*(char *const *)field)
			text_add(out, "%s", *(char *const *)field);
		break;
	case FIELD_BOOL:
		text_add(out, "%s", *(const bool *)field ? "yes" : "no");
		break;
	case FIELD_NUMBER:
		if (kind->print)
			kind->print(*(const uint64_t *)field, number, sizeof number);
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

	if (*key->fallback || kind_of(key)->field != FIELD_TEXT)
		return config_set(schema, config, key, key->fallback, err);
	*text = strdup("");
	return *text ? 0 : err_set(err, ENOMEM, "out of memory");
}

int config_defaults(const struct schema *schema, void *config, struct err *err)
{
	memset(config, 0, schema->size);
	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		int r = set_default(schema, config, key, err);
		if (r < 0) {
			config_free(schema, config);
			return r;
		}
	}
	return 0;
}

void config_free(const struct schema *schema, void *config)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (kind_of(&schema->keys[i])->field == FIELD_TEXT)
			free(*(char **)field_of(config, &schema->keys[i]));
	}
	sections_free(schema, config);
	memset(config, 0, schema->size);
}

int keys_print(const struct schema *schema, const void *config, struct text *out)
{
	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		scoped_text struct text value = { 0 };
		config_text(config, key, &value);
		if (value.failed)
			out->failed = true;
		if ((key->kind == KEY_CHOICE && (key->flags & KEY_FIXED)) ||
		    strcmp(text_str(&value), key->fallback) != 0)
			text_add(out, "%s = %s\n", key->name, text_str(&value));
	}
	return out->failed ? -ENOMEM : 0;
}

int config_save(const struct schema *schema, const char *path, const void *config, struct err *err)
{
	scoped_text struct text out = { 0 };

	text_add(&out, CONFIG_FORMAT_KEY " = %d\n", CONFIG_FORMAT);
	if (keys_print(schema, config, &out) == 0)
		sections_print(schema, config, &out);
	if (out.failed)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, text_str(&out), out.length, 0600, err);
}
