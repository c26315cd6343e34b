/* Values out of structs and into them: one field, all defaults, the text of a whole file. */
#include "config/kinds.h"

#include "base/file.h"
#include "base/scoped.h"

#include <assert.h>
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

int config_set(const struct schema *schema, void *config, const struct key *key, const char *value,
	       struct err *err)
{
	scoped_free char *copy = strdup(value);
	union value parsed = { 0 };
	const struct kind *kind = kind_of(key);

	assert(key >= schema->keys && key < schema->keys + schema->count);
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	const char *text = text_trim(copy);
	const char *fault = kind_text_fault(text);
	if (fault)
		return err_set(err, EINVAL, "the value of %s %s", key->name, fault);
	int r = kind->parse(key, text, &parsed, err);
	if (r < 0)
		return r;

	void *field = field_of(config, key);
	switch (kind->field) {
	case FIELD_TEXT:
		free(*(char **)field);
		*(char **)field = parsed.text;
		break;
	case FIELD_BOOL:
		*(bool *)field = parsed.truth;
		break;
	case FIELD_NUMBER:
		*(uint64_t *)field = parsed.number;
		break;
	}
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

int config_defaults(const struct schema *schema, void *config, struct err *err)
{
	memset(config, 0, schema->size);
	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		int r = config_set(schema, config, key, key->fallback, err);
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
	memset(config, 0, schema->size);
}

int config_save(const struct schema *schema, const char *path, const void *config, struct err *err)
{
	scoped_text struct text out = { 0 };

	for (size_t i = 0; i < schema->count; i++) {
		const struct key *key = &schema->keys[i];
		scoped_text struct text value = { 0 };
		config_text(config, key, &value);
		if (value.failed)
			return err_set(err, ENOMEM, "out of memory");
		if (key->kind == KEY_CHOICE || strcmp(text_str(&value), key->fallback) != 0)
			text_add(&out, "%s = %s\n", key->name, text_str(&value));
	}
	if (out.failed)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, text_str(&out), out.length, 0600, err);
}
