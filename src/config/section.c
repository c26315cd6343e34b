/* Sections of a file: "[mount data]" and the lines after it, each a struct in a list of its kind. */
#include "config/kinds.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

static struct section **head_of(void *config, const struct schema *kind)
{
	return (struct section **)(void *)((char *)config + kind->head);
}

struct section *config_section(const struct section *first, const char *name)
{
	for (; first; first = first->next) {
		if (strcmp(first->name, name) == 0)
			return (struct section *)(uintptr_t)first;
	}
	return NULL;
}

bool section_is_header(const char *line)
{
	return line[strspn(line, " \t\r\v\f")] == '[';
}

/* Cuts "[KIND NAME]" to its words; false when it is not that. */
static bool split_header(char *line, char **kind, char **name)
{
	char *text = text_trim(line);
	size_t n = strlen(text);

	if (n < 2 || text[n - 1] != ']')
		return false;
	text[n - 1] = '\0';
	*kind = text_trim(text + 1);
	n = strcspn(*kind, " \t");
	*name = text_trim(*kind + n + ((*kind)[n] != '\0'));
	(*kind)[n] = '\0';
	return **kind && **name;
}

static const struct schema *find_kind(const struct schema *schema, const char *word,
				      struct err *err)
{
	scoped_text struct text list = { 0 };

	for (const struct schema *const *kind = schema->sections; kind && *kind; kind++) {
		if (strcmp((*kind)->what, word) == 0)
			return *kind;
		text_add(&list, "%s'%s'", list.length ? " and " : "", (*kind)->what);
	}
	if (!list.length)
		err_set(err, EINVAL, "settings of a %s have no sections; take the line out",
			schema->what);
	else if (kind_text_fault(word) || strlen(word) > 60)
		err_set(err, EINVAL, "there is text that is no section's; there are %s",
			text_str(&list));
	else
		err_set(err, EINVAL, "unknown section '%s'; there are %s", word, text_str(&list));
	return NULL;
}

static int check_name(const struct schema *kind, const struct section *first, const char *name,
		      struct err *err)
{
	const char *fault = text_label_fault(name);

	if (kind_text_fault(name))
		return err_set(err, EINVAL, "the name of a %s is not text", kind->what);
	if (fault)
		return err_set(err, EINVAL, "%s '%.80s' has a name that %s", kind->what, name,
			       fault);
	if (config_section(first, name))
		return err_set(err, EEXIST, "%s '%s' is there already; give it another name",
			       kind->what, name);
	return 0;
}

int section_begin(const struct schema *schema, void *config, char *line, const struct schema **kind,
		  struct section **section, struct err *err)
{
	char *word, *name;

	if (!split_header(line, &word, &name))
		return err_set(err, EINVAL, "a section begins with a line such as [mount NAME]");
	const struct schema *found = find_kind(schema, word, err);
	if (!found || check_name(found, *head_of(config, found), name, err) < 0)
		return -err->code;
	struct section *made = calloc(1, found->size);
	if (!made)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_defaults(found, made, err);
	made->name = r < 0 ? NULL : strdup(name);
	if (!made->name) {
		config_free(found, made);
		free(made);
		return r < 0 ? r : err_set(err, ENOMEM, "out of memory");
	}
	struct section **last = head_of(config, found);
	while (*last)
		last = &(*last)->next;
	*last = *section = made;
	*kind = found;
	return 0;
}

void sections_free(const struct schema *schema, void *config)
{
	for (const struct schema *const *kind = schema->sections; kind && *kind; kind++) {
		struct section *next = *head_of(config, *kind);
		while (next) {
			struct section *section = next;
			next = section->next;
			free(section->name);
			config_free(*kind, section);
			free(section);
		}
	}
}

static int print_one(const struct schema *kind, const struct section *section, struct text *out)
{
	text_add(out, "%s[%s %s]\n", out->length ? "\n" : "", kind->what, section->name);
	return keys_print(kind, section, out);
}

int sections_print(const struct schema *schema, const void *config, struct text *out)
{
	int r = 0;

	for (const struct schema *const *kind = schema->sections; kind && *kind; kind++) {
		const void *head = (const char *)config + (*kind)->head;
		for (const struct section *section = *(struct section *const *)head;
		     section && r == 0; section = section->next)
			r = print_one(*kind, section, out);
	}
	return r;
}

int config_add_section(const struct schema *schema, const char *path, const struct schema *kind,
		       const struct section *section, struct err *err)
{
	scoped_free char *data = NULL;
	scoped_text struct text text = { 0 };

	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);
	if (n < 0 && n != -ENOENT)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (n > 0)
		text_add(&text, "%s%s", data, data[n - 1] == '\n' ? "" : "\n");
	if (print_one(kind, section, &text) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return config_replace(schema, path, &text, err);
}

static bool begins(const char *line, const struct schema *kind, const char *name)
{
	scoped_free char *copy = strdup(line);
	char *word, *found;

	return copy && split_header(copy, &word, &found) && strcmp(word, kind->what) == 0 &&
	       strcmp(found, name) == 0;
}

/* All but the section's lines; an empty one before the last section goes with it. */
static int cut(const char *data, size_t length, const struct schema *kind, const char *name,
	       struct text *out, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	bool inside = false, found = false;

	for (size_t at = 0; at < length;) {
		int n = config_next_line(data + at, length - at, line, err);
		if (n < 0)
			return n;
		if (section_is_header(line))
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
	return config_replace(schema, path, &text, err);
}
