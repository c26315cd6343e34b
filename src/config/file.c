/* Files of "key = value" lines: a push parser, fed a line at a time. edit.c changes such files. */
#include "config/kinds.h"

#include "base/file.h"
#include "base/scoped.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* What a parse has come to. */
struct parser {
	const struct schema *file, *schema; /* schema: of the section we are in, or file */
	void *whole, *config;
	unsigned line;
	unsigned seen[SCHEMA_KEYS_MAX]; /* line in which each key was, 0: not yet */
};

bool line_split(char *line, char **name, char **value)
{
	char *equals = strchr(line, '=');

	*name = line;
	*value = NULL;
	if (equals) {
		*equals = '\0';
		*value = text_trim(equals + 1);
	}
	*name = text_trim(line);
	return equals != NULL;
}

bool line_is_comment(const char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	return *line == '\0' || *line == '#' || *line == ';';
}

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

static void tell_unknown(const struct schema *schema, const char *name, struct err *err)
{
	const char *names[SCHEMA_KEYS_MAX + 1] = { NULL };

	assert(schema->count <= SCHEMA_KEYS_MAX);
	for (size_t i = 0; i < schema->count; i++)
		names[i] = schema->keys[i].name;
	const char *near = last_part(name, names);
	if (!near)
		near = text_nearest(name, names);
	if (strcmp(name, CONFIG_FORMAT_KEY) == 0 && !schema->head)
		err_set(err, ENOENT, "%s is made by berth and cannot be set", name);
	else if (*name == '\0')
		err_set(err, ENOENT, "there is no key before the '='");
	else if (kind_text_fault(name) || strlen(name) > 100)
		err_set(err, ENOENT, "there is text that is no key of a %s", schema->what);
	else if (near)
		err_set(err, ENOENT, "unknown key '%s'; did you mean '%s'?", name, near);
	else
		err_set(err, ENOENT, "unknown key '%s'; %s.conf(5) lists the keys of a %s", name,
			strcmp(schema->what, "site") == 0 ? "berth"
			: schema->head                    ? "machine"
							  : schema->what,
			schema->what);
}

static int by_name(const void *name, const void *key)
{
	return strcmp(name, ((const struct key *)key)->name);
}

const struct key *config_find(const struct schema *schema, const char *name, struct err *err)
{
	const struct key *key =
		bsearch(name, schema->keys, schema->count, sizeof *schema->keys, by_name);

	if (!key)
		tell_unknown(schema, name, err);
	return key;
}

static int begin_section(struct parser *parser, char *line, struct err *err)
{
	struct section *section;

	if (section_begin(parser->file, parser->whole, line, &parser->schema, &section, err) < 0)
		return -err->code;
	parser->config = section;
	memset(parser->seen, 0, sizeof parser->seen);
	return 0;
}

/* It stands before all else, so that nothing of what is new behind it is met first. */
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

/* One line, without its end; cut to pieces. */
static int feed(struct parser *parser, char *line, struct err *err)
{
	char *name, *value;

	if (line_is_comment(line))
		return 0;
	if (section_is_header(line))
		return begin_section(parser, line, err);
	bool whole = line_split(line, &name, &value);
	if (parser->schema == parser->file && strcmp(name, CONFIG_FORMAT_KEY) == 0)
		return check_format(value, err);
	const struct key *key = config_find(parser->schema, name, err);
	if (!key)
		return -err->code;
	if (!whole)
		return err_set(err, EINVAL, "'%s' has no value; write '%s = value'", name, name);
	unsigned *seen = &parser->seen[key - parser->schema->keys];
	if (*seen)
		return err_set(err, EINVAL, "'%s' is in line %u already; keep one of both", name,
			       *seen);
	*seen = parser->line;
	return config_set(parser->schema, parser->config, key, value, err);
}

/* Copied out of the data, so that it can be cut; -code for what no line may be. */
int config_next_line(const char *data, size_t length, char *line, struct err *err)
{
	const char *end = memchr(data, '\n', length);
	size_t n = end ? (size_t)(end - data) : length;

	if (memchr(data, '\0', n))
		return err_set(err, EINVAL, "there is a NUL byte; this is not a text file");
	if (n > CONFIG_LINE_MAX)
		return err_set(err, EINVAL, "the line is longer than %d bytes", CONFIG_LINE_MAX);
	memcpy(line, data, n);
	line[n] = '\0';
	return (int)n;
}

int config_parse(const struct schema *schema, const char *path, const char *data, size_t length,
		 void *config, struct err *err)
{
	struct parser parser = {
		.file = schema, .schema = schema, .whole = config, .config = config
	};
	char line[CONFIG_LINE_MAX + 1];

	int r = config_defaults(schema, config, err);
	if (r < 0)
		return r;
	if (length > CONFIG_FILE_MAX) {
		config_free(schema, config);
		return err_set(err, EFBIG, "'%s' is larger than 256 KiB; it is no settings file",
			       path);
	}
	for (size_t at = 0; at < length;) {
		parser.line++;
		int n = config_next_line(data + at, length - at, line, err);
		if (n < 0 || feed(&parser, line, err) < 0) {
			config_free(schema, config);
			/* An unknown key; config_load keeps ENOENT for the file itself. */
			if (err->code == ENOENT)
				err->code = EINVAL;
			return err_wrap(err, "%s:%u", path, parser.line);
		}
		at += (size_t)n + 1;
	}
	return 0;
}

int config_load(const struct schema *schema, const char *path, void *config, struct err *err)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	memset(config, 0, schema->size);
	if (n == -EFBIG)
		return err_set(err, EFBIG, "'%s' is larger than 256 KiB; it is no settings file",
			       path);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return config_parse(schema, path, data, (size_t)n, config, err);
}

int config_load_site(const struct site *site, struct site_config *config, struct err *err)
{
	scoped_free char *path = text_format("%s/berth.conf", site->etc);
	struct err absent = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&site_schema, path, config, &absent);
	if (r == -ENOENT)
		return config_defaults(&site_schema, config, err);
	if (r < 0)
		return err_set(err, -r, "%s", absent.text);
	r = site_schema.check(config, err);
	if (r < 0) {
		config_free(&site_schema, config);
		return err_wrap(err, "%s", path);
	}
	return 0;
}
