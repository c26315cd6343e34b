/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole settings, of a file: a push parser that is fed a line at a time, and the text that it reads back.
 * edit.c changes such files.
 */
#include "config/file.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

/* State of a parse. */
struct parser {
	const struct schema *file, *schema; /* schema: of the present section, or file */
	void *whole, *config;
	unsigned line;
	unsigned seen[SCHEMA_KEYS_MAX]; /* line of each key, 0: not yet */
	struct label *old;              /* owned: presets by keys of older files */
};

static int begin_section(struct parser *parser, char *line, struct err *err)
{
	struct section *section;

	if (section_begin(parser->file, parser->whole, line, &parser->schema, &section, err) < 0)
		return -err->code;
	parser->config = section;
	memset(parser->seen, 0, sizeof parser->seen);
	return 0;
}

/* The format is the first line, so that a newer one is refused before any key that this version does not know. */
static int check_format(const char *value, struct err *err)
{
	uint64_t format;

	if (!value || text_to_u64(value, 1, UINT32_MAX, &format) < 0)
		return err_set(err, EINVAL,
			       "format is a number that berth writes; write 'format = %d'",
			       CONFIG_FORMAT);
	if (format > CONFIG_FORMAT)
		return err_set(
			err, ENOTSUP,
			"the file has format %s, this berth knows those up to %d; use the newer "
			"berth that wrote it",
			value, CONFIG_FORMAT);
	return 0;
}

static int feed_family(struct parser *parser, const struct key_family *family, const char *name,
		       const char *value, struct err *err)
{
	if (config_label(config_family_first(family, parser->config), name))
		return err_set(err, EINVAL, "'%s%s' is there already; keep one of both",
			       family->prefix, name);
	return family_set(family, parser->config, name, value, err);
}

static int feed_preset(struct parser *parser, const char *name, const char *value, struct err *err)
{
	if (config_label(presets_of(parser->schema, parser->config), name))
		return err_set(err, EINVAL, "'default.%s' is there already; keep one of both",
			       name);
	return preset_set(parser->schema, parser->config, name, value, err);
}

/* It is kept until the end of the file, because a preset of its name counts instead, wherever that is. */
static int feed_old(struct parser *parser, const char *preset, const char *value, struct err *err)
{
	return labels_put(&parser->old, preset, value) < 0 ? err_set(err, ENOMEM, "out of memory")
							   : 0;
}

static int settle_old(struct parser *parser, struct err *err)
{
	const struct schema *schema = parser->file;

	for (const struct label *old = parser->old; old; old = old->next) {
		if (*old->value && !config_label(presets_of(schema, parser->whole), old->name) &&
		    preset_set(schema, parser->whole, old->name, old->value, err) < 0)
			return -err->code;
	}
	return 0;
}

/* Parses one line, without its end, and cuts it to pieces. */
static int feed(struct parser *parser, char *line, struct err *err)
{
	char *name, *value;

	if (line_is_comment(line))
		return 0;
	if (line_is_header(line))
		return begin_section(parser, line, err);
	bool whole = line_split(line, &name, &value);
	if (parser->schema == parser->file && strcmp(name, CONFIG_FORMAT_KEY) == 0)
		return check_format(value, err);
	const char *rest, *preset = config_preset_name(parser->schema, name);
	const char *old = config_old_preset(parser->schema, name);
	const struct key_family *family = config_family(parser->schema, name, &rest);
	const struct key *key =
		family || preset || old ? NULL : config_find(parser->schema, name, err);
	if (!key && !family && !preset && !old)
		return -err->code;
	if (!whole)
		return err_set(err, EINVAL, "'%s' has no value; write '%s = value'", name, name);
	if (family)
		return feed_family(parser, family, rest, value, err);
	if (old)
		return feed_old(parser, old, value, err);
	if (preset)
		return feed_preset(parser, preset, value, err);
	unsigned *seen = &parser->seen[key - parser->schema->keys];
	if (*seen)
		return err_set(err, EINVAL, "'%s' is in line %u already; keep one of both", name,
			       *seen);
	*seen = parser->line;
	return config_set(parser->schema, parser->config, key, value, err);
}

int config_defaults(const struct schema *schema, void *config, struct err *err)
{
	return keys_defaults(schema, config, err);
}

void config_free(const struct schema *schema, void *config)
{
	sections_free(schema, config);
	families_free(schema, config);
	presets_free(schema, config);
	keys_free(schema, config);
}

static int feed_all(struct parser *parser, const char *data, size_t length, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];

	for (size_t at = 0; at < length;) {
		parser->line++;
		int n = line_next(data + at, length - at, line, err);
		if (n < 0 || feed(parser, line, err) < 0) {
			/* An unknown key; config_load keeps ENOENT for the file itself. */
			if (err->code == ENOENT)
				err->code = EINVAL;
			return -err->code;
		}
		at += (size_t)n + 1;
	}
	return 0;
}

int config_parse(const struct schema *schema, const char *path, const char *data, size_t length,
		 void *config, struct err *err)
{
	struct parser parser = {
		.file = schema, .schema = schema, .whole = config, .config = config
	};

	int r = config_defaults(schema, config, err);
	if (r < 0)
		return r;
	if (length > CONFIG_FILE_MAX) {
		config_free(schema, config);
		return err_set(err, EFBIG, "'%s' is larger than 256 KiB; it is not a settings file",
			       path);
	}
	r = feed_all(&parser, data, length, err);
	if (r < 0)
		err_wrap(err, "%s:%u", path, parser.line);
	else
		r = settle_old(&parser, err);
	labels_clear(&parser.old);
	if (r < 0)
		config_free(schema, config);
	return r < 0 ? -err->code : 0;
}

int config_load(const struct schema *schema, const char *path, void *config, struct err *err)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	memset(config, 0, schema->size);
	if (n == -EFBIG)
		return err_set(err, EFBIG, "'%s' is larger than 256 KiB; it is not a settings file",
			       path);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return config_parse(schema, path, data, (size_t)n, config, err);
}

int config_load_berth(const struct dirs *dirs, struct berth_config *config, struct err *err)
{
	scoped_free char *path = text_format("%s/berth.conf", dirs->etc);
	struct err absent = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&berth_schema, path, config, &absent);
	if (r == -ENOENT)
		return config_defaults(&berth_schema, config, err);
	if (r < 0)
		return err_set(err, -r, "%s", absent.text);
	r = berth_schema.check(config, err);
	if (r < 0) {
		config_free(&berth_schema, config);
		return err_wrap(err, "%s", path);
	}
	return 0;
}

static int print_file(const struct schema *schema, const void *config, struct text *out,
		      struct err *err)
{
	text_add(out, CONFIG_FORMAT_KEY " = %d\n", CONFIG_FORMAT);
	if (keys_print(schema, config, out) == 0) {
		families_print(schema, config, out);
		presets_print(schema, config, out);
		sections_print(schema, config, out);
	}
	return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int config_save(const struct schema *schema, const char *path, const void *config, struct err *err)
{
	scoped_text struct text out = { 0 };

	if (print_file(schema, config, &out, err) < 0)
		return -err->code;
	return file_replace(path, text_str(&out), out.length, 0600, err);
}

int config_begin(const struct schema *schema, const struct unfinished *mark, const void *config,
		 struct err *err)
{
	scoped_text struct text out = { 0 };

	if (print_file(schema, config, &out, err) < 0)
		return -err->code;
	return unfinished_begin(mark, text_str(&out), out.length, err);
}
