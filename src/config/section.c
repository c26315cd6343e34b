/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sections of a struct of settings: "[mount data]" and the lines after it, each a struct in a list of its kind.
 * A section has keys, and no sections of its own.
 */
#include "config/file.h"
#include "config/types.h"

#include "base/scoped.h"

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

static const struct schema *find_kind(const struct schema *schema, const char *word,
				      struct err *err)
{
	scoped_text struct text list = { 0 };

	for (const struct schema *const *kind = schema->sections; kind && *kind; kind++) {
		if (strcmp((*kind)->what, word) == 0)
			return *kind;
		text_add(&list, "%s'%s'",
			 !list.length ? ""
			 : kind[1]    ? ", "
				      : " and ",
			 (*kind)->what);
	}
	if (!list.length)
		err_set(err, EINVAL, "settings of a %s have no sections; take the line out",
			schema->what);
	else if (value_text_fault(word) || strlen(word) > 60)
		err_set(err, EINVAL, "this text is in no section; known sections are %s",
			text_str(&list));
	else
		err_set(err, EINVAL, "unknown section '%s'; known sections are %s", word,
			text_str(&list));
	return NULL;
}

static int check_name(const struct schema *kind, const struct section *first, const char *name,
		      struct err *err)
{
	const char *fault = text_label_fault(name);

	if (value_text_fault(name))
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

	if (!line_split_header(line, &word, &name))
		return err_set(err, EINVAL, "a section begins with a line such as [mount NAME]");
	const struct schema *found = find_kind(schema, word, err);
	if (!found || check_name(found, *head_of(config, found), name, err) < 0)
		return -err->code;
	struct section *made = calloc(1, found->size);
	if (!made)
		return err_set(err, ENOMEM, "out of memory");
	int r = keys_defaults(found, made, err);
	made->name = r < 0 ? NULL : strdup(name);
	if (!made->name) {
		keys_free(found, made);
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

const struct section *config_sections(const struct schema *kind, const void *config)
{
	return *(struct section *const *)(const void *)((const char *)config + kind->head);
}

static void drop_at(const struct schema *kind, struct section **at)
{
	struct section *section = *at;

	*at = section->next;
	free(section->name);
	keys_free(kind, section);
	free(section);
}

void config_drop_sections(const struct schema *kind, void *config)
{
	struct section **head = head_of(config, kind);

	while (*head)
		drop_at(kind, head);
}

void config_drop_section(const struct schema *kind, void *config, const char *name)
{
	struct section **at = head_of(config, kind);

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	if (*at)
		drop_at(kind, at);
}

void sections_free(const struct schema *schema, void *config)
{
	for (const struct schema *const *kind = schema->sections; kind && *kind; kind++)
		config_drop_sections(*kind, config);
}

int section_print(const struct schema *kind, const struct section *section, struct text *out)
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
			r = section_print(*kind, section, out);
	}
	return r;
}
