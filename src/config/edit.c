/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of settings files: all or none of them, and every other line stays as it is, comments too.
 * Each changed text is parsed and checked before it is written.
 */
#include "config/file.h"

#include "base/file.h"
#include "base/scoped.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Room for the struct of any schema. */
union any_config {
	struct machine_config machine;
	struct berth_config berth;
	struct pool_config pool;
	struct network_config network;
	struct template_config template;
};

/* Whether a line sets that key. */
static bool sets_key(const char *line, const char *name)
{
	scoped_free char *copy = strdup(line);
	char *found, *value;

	return copy && !line_is_comment(copy) && line_split(copy, &found, &value) &&
	       strcmp(found, name) == 0;
}

int edit_replace_line(const char *data, size_t length, const char *name, const char *value,
		      struct text *out, bool *found, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	size_t at = 0;

	*found = false;
	while (at < length) {
		int n = line_next(data + at, length - at, line, err);
		if (n < 0)
			return n;
		/* The lines from here on belong to sections. */
		if (line_is_header(line))
			break;
		if (!sets_key(line, name))
			text_add(out, "%s\n", line);
		else if (value && !*found)
			text_add(out, "%s = %s\n", name, value);
		*found = *found || sets_key(line, name);
		at += (size_t)n + 1;
	}
	if (value && !*found)
		text_add(out, "%s = %s\n", name, value);
	if (at < length)
		text_add_bytes(out, data + at, length - at);
	return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int edit_canonical(const struct schema *schema, const char *name, const char *value,
		   struct text *out, struct err *err)
{
	union any_config config = { 0 };

	assert(schema->size <= sizeof config);
	int r = config_put(schema, &config, name, value, err);
	if (r < 0)
		return r;
	r = config_get(schema, &config, name, out, err);
	config_free(schema, &config);
	return r;
}

/* A key of a family does not exist without a value, and gets no line. */
static const char *line_value(const struct key_family *family, const char *value,
			      const struct text *canonical)
{
	return !value || (family && !canonical->length) ? NULL : text_str(canonical);
}

/* Removes the line of an older file that is read as the preset. */
static int drop_old(const struct schema *schema, const char *preset, struct text *text,
		    struct err *err)
{
	bool found;

	for (const struct old_key *old = schema->old; old && old->name; old++) {
		struct text changed = { 0 };
		if (strcmp(old->preset, preset) != 0)
			continue;
		if (edit_replace_line(text_str(text), text->length, old->name, NULL, &changed,
				      &found, err) < 0) {
			text_free(&changed);
			return -err->code;
		}
		text_free(text);
		*text = changed;
	}
	return 0;
}

/* Makes one change in a text, and replaces the text. */
static int change_text(const struct schema *schema, const char *path,
		       const struct config_change *change, struct text *text, struct err *err)
{
	scoped_text struct text good = { 0 };
	struct text changed = { 0 };
	struct err unknown = { 0 };
	bool found = false;
	const struct key_family *family = config_family(schema, change->name, NULL);
	const char *preset = config_preset_name(schema, change->name);
	const struct key *key =
		family || preset ? NULL : config_find(schema, change->name, &unknown);
	bool known =
		key || family ||
		(preset && (change->value || config_preset_is_known(schema, preset, &unknown)));

	if ((key && key->flags & KEY_FIXED) || strcmp(change->name, CONFIG_FORMAT_KEY) == 0)
		return config_refuse_fixed(schema, change->name, err);
	if (known && change->value &&
	    edit_canonical(schema, change->name, change->value, &good, err) < 0)
		return -err->code;
	if (preset && drop_old(schema, preset, text, err) < 0)
		return err_wrap(err, "%s", path);
	if (edit_replace_line(text_str(text), text->length, change->name,
			      line_value(family, change->value, &good), &changed, &found,
			      err) < 0) {
		text_free(&changed);
		return err_wrap(err, "%s", path);
	}
	text_free(text);
	*text = changed;
	/* A key that no version knows can be removed, but not written. */
	return known || (found && !change->value) ? 0
						  : err_set(err, unknown.code, "%s", unknown.text);
}

int edit_parse(const struct schema *schema, const char *path, const struct text *text, void *config,
	       struct err *err)
{
	if (config_parse(schema, path, text_str(text), text->length, config, err) < 0)
		return -err->code;
	if (schema->check && schema->check(config, err) < 0) {
		config_free(schema, config);
		return -err->code;
	}
	return 0;
}

int config_preview(const struct schema *schema, const char *path,
		   const struct config_change *changes, size_t count, struct text *text,
		   void *config, struct err *err)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	if (n < 0 && n != -ENOENT)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (n > 0 && text_add_bytes(text, data, (size_t)n) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		if (change_text(schema, path, &changes[i], text, err) < 0)
			return -err->code;
	}
	return edit_parse(schema, path, text, config, err);
}

int config_write(const char *path, const struct text *text, struct err *err)
{
	struct stat st;
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;

	return file_replace(path, text_str(text), text->length, mode, err);
}

int edit_write(const struct schema *schema, const char *path, const struct text *text,
	       struct err *err)
{
	union any_config config;

	assert(schema->size <= sizeof config);
	int r = config_parse(schema, path, text_str(text), text->length, &config, err);
	if (r < 0)
		return r;
	if (schema->check)
		r = schema->check(&config, err);
	config_free(schema, &config);
	return r < 0 ? r : config_write(path, text, err);
}

int config_edit(const struct schema *schema, const char *path, const char *name, const char *value,
		struct err *err)
{
	const struct config_change change = { .name = name, .value = value };
	scoped_text struct text text = { 0 };
	union any_config config;

	assert(schema->size <= sizeof config);
	if (config_preview(schema, path, &change, 1, &text, &config, err) < 0)
		return -err->code;
	config_free(schema, &config);
	return config_write(path, &text, err);
}

/* The line of a key with the config's value; no line for a default without one. */
static int record_one(const struct schema *schema, const void *config, const char *name,
		      struct text *text, struct err *err)
{
	const struct key *key = config_find(schema, name, err);
	scoped_text struct text value = { 0 };
	struct text changed = { 0 };
	bool found;

	if (!key)
		return -err->code;
	config_text(config, key, &value);
	bool is_default = strcmp(text_str(&value), key->fallback) == 0;
	int r = edit_replace_line(text_str(text), text->length, name,
				  is_default ? NULL : text_str(&value), &changed, &found, err);
	text_free(text);
	*text = changed;
	return r;
}

int config_record(const struct schema *schema, const char *path, const void *config,
		  const char *const *names, struct err *err)
{
	scoped_text struct text text = { 0 };
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (n > 0 && text_add_bytes(&text, data, (size_t)n) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (; *names; names++) {
		if (record_one(schema, config, *names, &text, err) < 0)
			return err_wrap(err, "%s", path);
	}
	return edit_write(schema, path, &text, err);
}
