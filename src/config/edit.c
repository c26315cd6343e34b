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

/* The file's text with the key's line replaced, removed, or added at the end; *found: the file had one. */
static int replace_line(const char *data, size_t length, const char *name, const char *value,
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

/* The value of a key in its canonical form. */
static int canonical(const struct schema *schema, const char *name, const char *value,
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
		if (replace_line(text_str(text), text->length, old->name, NULL, &changed, &found,
				 err) < 0) {
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
	    canonical(schema, change->name, change->value, &good, err) < 0)
		return -err->code;
	if (preset && drop_old(schema, preset, text, err) < 0)
		return err_wrap(err, "%s", path);
	if (replace_line(text_str(text), text->length, change->name,
			 line_value(family, change->value, &good), &changed, &found, err) < 0) {
		text_free(&changed);
		return err_wrap(err, "%s", path);
	}
	text_free(text);
	*text = changed;
	/* A key that no version knows can be removed, but not written. */
	return known || (found && !change->value) ? 0
						  : err_set(err, unknown.code, "%s", unknown.text);
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
	if (config_parse(schema, path, text_str(text), text->length, config, err) < 0)
		return -err->code;
	if (schema->check && schema->check(config, err) < 0) {
		config_free(schema, config);
		return -err->code;
	}
	return 0;
}

int config_write(const char *path, const struct text *text, struct err *err)
{
	struct stat st;
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;

	return file_replace(path, text_str(text), text->length, mode, err);
}

static int replace_checked(const struct schema *schema, const char *path, const struct text *text,
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
	int r = replace_line(text_str(text), text->length, name,
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
	return replace_checked(schema, path, &text, err);
}

static bool begins(const char *line, const struct schema *kind, const char *name)
{
	scoped_free char *copy = strdup(line);
	char *word, *found;

	return copy && line_split_header(copy, &word, &found) && strcmp(word, kind->what) == 0 &&
	       strcmp(found, name) == 0;
}

/* Whether a file has the section already. A line that cannot be read is told by the check of the whole. */
static bool has_section(const char *data, size_t length, const struct schema *kind,
			const char *name)
{
	char line[CONFIG_LINE_MAX + 1];

	for (size_t at = 0; at < length;) {
		int n = line_next(data + at, length - at, line, &(struct err){ 0 });
		if (n < 0)
			return false;
		if (line_is_header(line) && begins(line, kind, name))
			return true;
		at += (size_t)n + 1;
	}
	return false;
}

int config_add_section(const struct schema *schema, const char *path, const struct schema *kind,
		       const struct section *section, struct err *err)
{
	scoped_free char *data = NULL;
	scoped_text struct text text = { 0 };

	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);
	if (n < 0 && n != -ENOENT)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (n > 0 && has_section(data, (size_t)n, kind, section->name))
		return err_set(
			err, EEXIST,
			"there is a %s '%s' already; choose another name, or remove that one "
			"first",
			kind->what, section->name);
	if (n > 0)
		text_add(&text, "%s%s", data, data[n - 1] == '\n' ? "" : "\n");
	if (section_print(kind, section, &text) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return replace_checked(schema, path, &text, err);
}

/* Copies all lines except those of the section. An empty line before the last section is removed with it. */
static int cut(const char *data, size_t length, const struct schema *kind, const char *name,
	       struct text *out, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	bool inside = false, found = false;

	for (size_t at = 0; at < length;) {
		int n = line_next(data + at, length - at, line, err);
		if (n < 0)
			return n;
		if (line_is_header(line))
			inside = begins(line, kind, name);
		found = found || inside;
		if (!inside)
			text_add(out, "%s\n", line);
		at += (size_t)n + 1;
	}
	if (out->failed)
		return err_set(err, ENOMEM, "out of memory");
	if (inside && text_ends(text_str(out), "\n\n"))
		out->data[--out->length] = '\0';
	return found ? 0 : err_set(err, ENOENT, "there is no %s '%s'", kind->what, name);
}

/* The text of a file in three: up to the header of a section, the lines of its keys, and the rest. */
struct parts {
	struct text head, body, tail; /* owned */
};

static void parts_free(struct parts *parts)
{
	text_free(&parts->head);
	text_free(&parts->body);
	text_free(&parts->tail);
}

static int split(const char *data, size_t length, const struct schema *kind, const char *name,
		 struct parts *parts, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	struct text *part = &parts->head;

	for (size_t at = 0; at < length;) {
		int n = line_next(data + at, length - at, line, err);
		if (n < 0)
			return n;
		bool header = line_is_header(line);
		if (header && part == &parts->body)
			part = &parts->tail;
		text_add(part, "%s\n", line);
		if (header && part == &parts->head && begins(line, kind, name))
			part = &parts->body;
		at += (size_t)n + 1;
	}
	if (part == &parts->head)
		return err_set(err, ENOENT, "there is no %s '%s'", kind->what, name);
	/* New lines come before the empty ones that end a section. */
	while (text_ends(text_str(&parts->body), "\n\n"))
		parts->body.data[--parts->body.length] = '\0';
	return parts->head.failed || parts->body.failed || parts->tail.failed
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/* Makes one change among the lines of a section. */
static int change_body(const struct schema *kind, const struct config_change *change,
		       struct text *body, struct err *err)
{
	scoped_text struct text good = { 0 };
	struct text changed = { 0 };
	bool found;

	if (!config_find(kind, change->name, err) ||
	    (change->value && canonical(kind, change->name, change->value, &good, err) < 0))
		return -err->code;
	int r = replace_line(text_str(body), body->length, change->name,
			     change->value ? text_str(&good) : NULL, &changed, &found, err);
	text_free(body);
	*body = changed;
	return r;
}

int config_preview_section(const struct schema *schema, const char *path, const struct schema *kind,
			   const char *name, const struct config_change *changes, size_t count,
			   struct text *text, void *config, struct err *err)
{
	__attribute__((cleanup(parts_free))) struct parts parts = { 0 };
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (split(data, (size_t)n, kind, name, &parts, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (change_body(kind, &changes[i], &parts.body, err) < 0)
			return -err->code;
	}
	const char *between = parts.tail.length ? "\n" : "";
	if (text_add(text, "%s%s%s%s", text_str(&parts.head), text_str(&parts.body), between,
		     text_str(&parts.tail)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (config_parse(schema, path, text_str(text), text->length, config, err) < 0)
		return -err->code;
	if (schema->check && schema->check(config, err) < 0) {
		config_free(schema, config);
		return -err->code;
	}
	return 0;
}

int config_remove_section(const struct schema *schema, const char *path, const struct schema *kind,
			  const char *name, struct err *err)
{
	scoped_free char *data = NULL;
	scoped_text struct text text = { 0 };

	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (cut(data, (size_t)n, kind, name, &text, err) < 0)
		return -err->code;
	return replace_checked(schema, path, &text, err);
}

int config_rename_section(const struct schema *schema, const char *path, const struct schema *kind,
			  const char *name, const char *to, struct err *err)
{
	scoped_free char *data = NULL;
	scoped_text struct text text = { 0 };
	char line[CONFIG_LINE_MAX + 1];
	bool found = false;

	ssize_t length = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);
	if (length < 0)
		return err_set(err, (int)-length, "read '%s': %s", path, file_why((int)length));
	for (size_t at = 0; at < (size_t)length;) {
		int n = line_next(data + at, (size_t)length - at, line, err);
		if (n < 0)
			return err_wrap(err, "%s", path);
		bool named = line_is_header(line) && begins(line, kind, name);
		if (named)
			text_add(&text, "[%s %s]\n", kind->what, to);
		else
			text_add(&text, "%s\n", line);
		found |= named;
		at += (size_t)n + 1;
	}
	if (!found)
		return err_set(err, ENOENT, "there is no %s '%s'", kind->what, name);
	return text.failed ? err_set(err, ENOMEM, "out of memory")
			   : replace_checked(schema, path, &text, err);
}
