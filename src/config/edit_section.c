/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of sections in settings files, as config/edit.c makes those of keys. */
#include "config/file.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

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

static int join(const struct parts *parts, struct text *text)
{
	const char *between = parts->tail.length ? "\n" : "";

	return text_add(text, "%s%s%s%s", text_str(&parts->head), text_str(&parts->body), between,
			text_str(&parts->tail));
}

/* Makes one change among the lines of a section. */
static int change_body(const struct schema *kind, const struct config_change *change,
		       struct text *body, struct err *err)
{
	scoped_text struct text good = { 0 };
	struct text changed = { 0 };
	bool found;

	if (!config_find(kind, change->name, err) ||
	    (change->value && edit_canonical(kind, change->name, change->value, &good, err) < 0))
		return -err->code;
	int r = edit_replace_line(text_str(body), body->length, change->name,
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
	if (join(&parts, text) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return edit_parse(schema, path, text, config, err);
}

/* Gives a section of a text other keys; comments between them stay. */
static int change_keys(const struct schema *kind, const struct section *to, struct text *text,
		       struct err *err)
{
	__attribute__((cleanup(parts_free))) struct parts parts = { 0 };
	struct text changed = { 0 };

	if (split(text_str(text), text->length, kind, to->name, &parts, err) < 0)
		return -err->code;
	for (size_t i = 0; i < kind->count; i++) {
		const struct key *key = &kind->keys[i];
		scoped_text struct text value = { 0 };
		config_text(to, key, &value);
		bool given = strcmp(text_str(&value), key->fallback) != 0;
		const struct config_change change = { key->name, given ? text_str(&value) : NULL };
		if (change_body(kind, &change, &parts.body, err) < 0)
			return -err->code;
	}
	join(&parts, &changed);
	text_free(text);
	*text = changed;
	return 0;
}

static int drop_section(const struct schema *kind, const char *name, struct text *text,
			struct err *err)
{
	struct text changed = { 0 };
	int r = cut(text_str(text), text->length, kind, name, &changed, err);

	text_free(text);
	*text = changed;
	return r;
}

static int change_section(const struct schema *kind, const struct section_change *change,
			  struct text *text, struct err *err)
{
	if (!change->to)
		return drop_section(kind, change->name, text, err);
	if (has_section(text_str(text), text->length, kind, change->name))
		return change_keys(kind, change->to, text, err);
	if (text->length && !text_ends(text_str(text), "\n"))
		text_add(text, "\n");
	return section_print(kind, change->to, text) < 0 ? err_set(err, ENOMEM, "out of memory")
							 : 0;
}

static int read_file(const char *path, struct text *text, struct err *err)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	if (n < 0 && n != -ENOENT)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return n > 0 && text_add_bytes(text, data, (size_t)n) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

int config_change_sections(const struct schema *schema, const char *path, const struct schema *kind,
			   const struct section_change *changes, size_t count, struct text *before,
			   struct err *err)
{
	scoped_text struct text text = { 0 };

	if (read_file(path, &text, err) < 0)
		return -err->code;
	if (before && text_add(before, "%s", text_str(&text)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		if (change_section(kind, &changes[i], &text, err) < 0)
			return -err->code;
	}
	return text.failed ? err_set(err, ENOMEM, "out of memory")
			   : edit_write(schema, path, &text, err);
}

int config_add_section(const struct schema *schema, const char *path, const struct schema *kind,
		       const struct section *section, struct err *err)
{
	const struct section_change change = { section->name, section };
	scoped_text struct text text = { 0 };

	if (read_file(path, &text, err) < 0)
		return -err->code;
	if (has_section(text_str(&text), text.length, kind, section->name))
		return err_set(
			err, EEXIST,
			"there is a %s '%s' already; choose another name, or remove that one "
			"first",
			kind->what, section->name);
	return config_change_sections(schema, path, kind, &change, 1, NULL, err);
}

int config_remove_section(const struct schema *schema, const char *path, const struct schema *kind,
			  const char *name, struct err *err)
{
	const struct section_change change = { name, NULL };

	return config_change_sections(schema, path, kind, &change, 1, NULL, err);
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
			   : edit_write(schema, path, &text, err);
}
