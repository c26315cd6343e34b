/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/build_file.h"

#include "base/file.h"
#include "base/scoped.h"
#include "config/file.h"

#include <fcntl.h>
#include <string.h>

static const char *const kind_names[BUILD_KINDS] = {
	[BUILD_COPY] = "copy",         [BUILD_CWD] = "cwd", [BUILD_ENV] = "env",
	[BUILD_PACKAGES] = "packages", [BUILD_RUN] = "run", [BUILD_SCRIPT] = "script",
	[BUILD_USER] = "user",
};

const char *build_kind_name(enum build_kind kind)
{
	return kind_names[kind];
}

/* State of a parse. */
struct parser {
	struct build_file *file;
	const char *data; /* borrowed; the rest of the text */
	size_t length;
	unsigned line;                  /* of the last line that was taken */
	unsigned begun;                 /* where the present entry begins */
	unsigned seen[SCHEMA_KEYS_MAX]; /* line of each key that may stand only once, 0: not yet */
};

static int next_line(struct parser *parser, char line[CONFIG_LINE_MAX + 1], struct err *err)
{
	parser->line++;
	int n = line_next(parser->data, parser->length, line, err);
	if (n < 0)
		return n;
	size_t taken = (size_t)n < parser->length ? (size_t)n + 1 : (size_t)n;
	parser->data += taken;
	parser->length -= taken;
	return 0;
}

/* Adds the lines that a backslash at the end asks for. The shell takes the backslashes itself. */
static int add_continued(struct parser *parser, struct text *whole, bool shell, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];

	while (whole->length && whole->data[whole->length - 1] == '\\') {
		if (!parser->length)
			return err_set(err, EINVAL,
				       "the last line of the file ends with a backslash; take it "
				       "out, or add the line that follows");
		if (next_line(parser, line, err) < 0)
			return -err->code;
		const char *more = text_trim(line);
		whole->data[--whole->length] = '\0';
		text_add(whole, shell ? "\\\n%s" : " %s", more);
	}
	return whole->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Takes the lines up to the one that is the word. */
static int take_here(struct parser *parser, const char *word, struct text *out, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];

	if (!*word || strlen(word) > 60)
		return err_set(err, EINVAL,
			       "after '<<' stands the line that ends the text, such as <<END");
	while (parser->length) {
		if (next_line(parser, line, err) < 0)
			return -err->code;
		if (strcmp(line, word) == 0)
			return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
		text_add(out, "%s\n", line);
	}
	parser->line = parser->begun;
	return err_set(err, EINVAL, "there is no line '%s' that ends the text of <<%s", word, word);
}

static int add_step(struct parser *parser, enum build_kind kind, char *text, struct err *err)
{
	struct build_file *file = parser->file;
	struct build_step *steps = NULL;

	if (text && file->count < BUILD_STEPS_MAX)
		steps = realloc(file->steps, (file->count + 1) * sizeof *steps);
	if (!steps) {
		free(text);
		return file->count < BUILD_STEPS_MAX
			       ? err_set(err, ENOMEM, "out of memory")
			       : err_set(err, E2BIG,
					 "there are more than %d steps; put commands together",
					 BUILD_STEPS_MAX);
	}
	file->steps = steps;
	file->steps[file->count++] =
		(struct build_step){ .kind = kind, .line = parser->begun, .text = text };
	return 0;
}

/* A step that does something has a value; user, env and cwd without one go back to what they were at first. */
static bool may_be_empty(enum build_kind kind)
{
	return kind == BUILD_CWD || kind == BUILD_ENV || kind == BUILD_USER;
}

static int feed_step(struct parser *parser, const struct key *key, enum build_kind kind,
		     const char *value, struct err *err)
{
	scoped_text struct text whole = { 0 };

	text_add(&whole, "%s", value);
	if (kind == BUILD_RUN && text_starts(value, "<<")) {
		whole.length = 0;
		*whole.data = '\0';
		if (take_here(parser, value + 2 + strspn(value + 2, " \t"), &whole, err) < 0)
			return -err->code;
	} else if (add_continued(parser, &whole, kind == BUILD_RUN, err) < 0) {
		return -err->code;
	}
	if (!may_be_empty(kind) && !text_str(&whole)[strspn(text_str(&whole), " \t\n")])
		return err_set(err, EINVAL, "'%s' has no value; write '%s = value'", key->name,
			       key->name);
	/* The text of a shell has lines, and is not looked into. */
	if (kind == BUILD_RUN)
		return add_step(parser, kind, strdup(text_str(&whole)), err);
	if (config_set(&build_schema, parser->file, key, text_str(&whole), err) < 0)
		return -err->code;
	return add_step(parser, kind, strdup(parser->file->values[kind]), err);
}

static int feed_key(struct parser *parser, const struct key *key, const char *value,
		    struct err *err)
{
	scoped_text struct text whole = { 0 };
	unsigned *seen = &parser->seen[key - build_schema.keys];

	if (*seen)
		return err_set(err, EINVAL, "'%s' is in line %u already; keep one of both",
			       key->name, *seen);
	*seen = parser->begun;
	if (strcmp(key->name, "from") == 0)
		parser->file->from_line = parser->begun;
	text_add(&whole, "%s", value);
	if (add_continued(parser, &whole, false, err) < 0)
		return -err->code;
	return config_set(&build_schema, parser->file, key, text_str(&whole), err);
}

static int feed_preset(struct parser *parser, const char *name, const char *value, struct err *err)
{
	if (config_label(parser->file->presets, name))
		return err_set(err, EINVAL, "'default.%s' is there already; keep one of both",
			       name);
	return preset_set(&build_schema, parser->file, name, value, err);
}

static int feed(struct parser *parser, char *line, struct err *err)
{
	char *name, *value;

	if (line_is_comment(line))
		return 0;
	if (line_is_header(line))
		return err_set(err, EINVAL,
			       "a file of steps has no sections; write lines such as 'run = "
			       "command'");
	bool whole = line_split(line, &name, &value);
	const char *preset = config_preset_name(&build_schema, name);
	const struct key *key = preset ? NULL : config_find(&build_schema, name, err);
	if (!key && !preset)
		return -err->code;
	if (!whole)
		return err_set(err, EINVAL, "'%s' has no value; write '%s = value'", name, name);
	if (preset)
		return feed_preset(parser, preset, value, err);
	for (int kind = 0; kind < BUILD_KINDS; kind++) {
		if (strcmp(kind_names[kind], key->name) == 0)
			return feed_step(parser, key, (enum build_kind)kind, value, err);
	}
	return feed_key(parser, key, value, err);
}

/* The rules between default.KEY lines are those of a machine. */
static int check_whole(struct parser *parser, const char *path, struct err *err)
{
	const struct template_config presets = { .presets = parser->file->presets };

	if (!*parser->file->from)
		return err_set(err, EINVAL,
			       "%s names no template to begin with; write 'from = TEMPLATE'", path);
	return config_check_presets(&presets, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

int build_file_parse(const char *path, const char *data, size_t length, struct build_file *file,
		     struct err *err)
{
	struct parser parser = { .file = file, .data = data, .length = length };
	char line[CONFIG_LINE_MAX + 1];

	int r = keys_defaults(&build_schema, file, err);
	if (r < 0)
		return r;
	if (length > CONFIG_FILE_MAX)
		r = err_set(err, EFBIG, "'%s' is larger than 256 KiB; it is not a file of steps",
			    path);
	while (r == 0 && parser.length) {
		r = next_line(&parser, line, err);
		parser.begun = parser.line;
		if (r == 0)
			r = feed(&parser, line, err);
		if (r < 0) {
			err->code = err->code == ENOENT ? EINVAL : err->code;
			err_wrap(err, "%s:%u", path, parser.line);
		}
	}
	if (r == 0)
		r = check_whole(&parser, path, err);
	if (r < 0)
		build_file_free(file);
	return r < 0 ? -err->code : 0;
}

int build_file_load(const char *path, struct build_file *file, struct err *err)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	*file = (struct build_file){ 0 };
	if (n == -EFBIG)
		return err_set(err, EFBIG, "'%s' is larger than 256 KiB; it is not a file of steps",
			       path);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return build_file_parse(path, data, (size_t)n, file, err);
}

void build_file_free(struct build_file *file)
{
	for (size_t i = 0; i < file->count; i++)
		free(file->steps[i].text);
	free(file->steps);
	labels_clear(&file->presets);
	keys_free(&build_schema, file);
}
