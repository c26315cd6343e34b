/* Files of "key = value" lines: a push parser, fed a line at a time, and an editor of one line. */
#include "config/kinds.h"

#include "base/file.h"
#include "base/scoped.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* What a parse has come to. */
struct parser {
	const struct schema *file, *schema; /* schema: of the section we are in, or file */
	void *whole, *config;
	unsigned line;
	unsigned seen[SCHEMA_KEYS_MAX]; /* line in which each key was, 0: not yet */
};

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
	if (*name == '\0')
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

const struct key *config_find(const struct schema *schema, const char *name, struct err *err)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (strcmp(schema->keys[i].name, name) == 0)
			return &schema->keys[i];
	}
	tell_unknown(schema, name, err);
	return NULL;
}

/* Cuts a line into its key, in place and trimmed, and its value; false for a line without '='. */
static bool split_line(char *line, char **name, char **value)
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

static bool is_comment(const char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	return *line == '\0' || *line == '#' || *line == ';';
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

/* One line, without its end; cut to pieces. */
static int feed(struct parser *parser, char *line, struct err *err)
{
	char *name, *value;

	if (is_comment(line))
		return 0;
	if (section_is_header(line))
		return begin_section(parser, line, err);
	bool whole = split_line(line, &name, &value);
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
		return err_set(err, (int)-n, "read '%s': %s", path, strerror((int)-n));
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

/* Whether a line sets that key. */
static bool sets_key(const char *line, const char *name)
{
	scoped_free char *copy = strdup(line);
	char *found, *value;

	return copy && !is_comment(copy) && split_line(copy, &found, &value) &&
	       strcmp(found, name) == 0;
}

/* The file's text with the key's line replaced, taken out, or added at the end. */
static int replace_line(const char *data, size_t length, const char *name, const char *value,
			struct text *out, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	bool done = false;

	for (size_t at = 0; at < length;) {
		int n = config_next_line(data + at, length - at, line, err);
		if (n < 0)
			return n;
		/* What comes behind is a section's. */
		if (section_is_header(line)) {
			if (value && !done)
				text_add(out, "%s = %s\n", name, value);
			text_add_bytes(out, data + at, length - at);
			return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
		}
		if (!sets_key(line, name)) {
			text_add(out, "%s\n", line);
		} else if (value && !done) {
			text_add(out, "%s = %s\n", name, value);
			done = true;
		}
		at += (size_t)n + 1;
	}
	if (value && !done)
		text_add(out, "%s = %s\n", name, value);
	return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int check_text(const struct schema *schema, const char *path, const struct text *text,
		      struct err *err)
{
	char config[512] __attribute__((aligned(8)));

	assert(schema->size <= sizeof config);
	int r = config_parse(schema, path, text_str(text), text->length, config, err);
	if (r < 0)
		return r;
	if (schema->check)
		r = schema->check(config, err);
	config_free(schema, config);
	return r;
}

int config_replace(const struct schema *schema, const char *path, const struct text *text,
		   struct err *err)
{
	struct stat st;

	if (check_text(schema, path, text, err) < 0)
		return -err->code;
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;
	return file_replace(path, text_str(text), text->length, mode, err);
}

/* The value in its canonical form. */
static int canonical(const struct schema *schema, const struct key *key, const char *value,
		     struct text *out, struct err *err)
{
	char config[512] __attribute__((aligned(8))) = { 0 };

	assert(schema->size <= sizeof config);
	int r = config_set(schema, config, key, value, err);
	if (r < 0)
		return r;
	config_text(config, key, out);
	config_free(schema, config);
	return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int config_edit(const struct schema *schema, const char *path, const char *name, const char *value,
		struct err *err)
{
	const struct key *key = config_find(schema, name, err);
	scoped_free char *data = NULL;
	scoped_text struct text text = { 0 };
	scoped_text struct text good = { 0 };

	if (!key)
		return -err->code;
	if (key->flags & KEY_FIXED)
		return err_set(err, EPERM, "%s is made by berth and cannot be set", key->name);
	if (value && canonical(schema, key, value, &good, err) < 0)
		return -err->code;
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);
	if (n < 0 && n != -ENOENT)
		return err_set(err, (int)-n, "read '%s': %s", path, strerror((int)-n));
	if (replace_line(data ? data : "", n > 0 ? (size_t)n : 0, name,
			 value ? text_str(&good) : NULL, &text, err) < 0)
		return err_wrap(err, "%s", path);
	return config_replace(schema, path, &text, err);
}
