/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Families of keys, "label.NAME = VALUE": their names are the user's, and their values a list sorted by name. */
#include "config/file.h"
#include "config/types.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct label **head_of(const struct key_family *family, void *config)
{
	return (struct label **)(void *)((char *)config + family->head);
}

const struct label *config_family_first(const struct key_family *family, const void *config)
{
	return *(struct label *const *)(const void *)((const char *)config + family->head);
}

const struct key_family *config_family(const struct schema *schema, const char *key,
				       const char **name)
{
	const struct key_family *family = schema->families;

	for (; family && family->prefix; family++) {
		if (!text_starts(key, family->prefix))
			continue;
		if (name)
			*name = key + strlen(family->prefix);
		return family;
	}
	return NULL;
}

const char *config_label(const struct label *first, const char *name)
{
	for (; first; first = first->next) {
		if (strcmp(first->name, name) == 0)
			return first->value;
	}
	return NULL;
}

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > LABEL_NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	}
	return true;
}

int family_check_name(const struct key_family *family, const char *name, struct err *err)
{
	if (is_name(name))
		return 0;
	return err_set(err, EINVAL,
		       "%s '%.80s' needs another name: use 1 to %d letters, digits, '.', '_' "
		       "and '-', and begin with a letter or a digit",
		       family->what, value_text_fault(name) ? "?" : name, LABEL_NAME_MAX);
}

static struct label *label_new(const char *name, const char *value)
{
	struct label *label = calloc(1, sizeof *label);

	if (!label)
		return NULL;
	label->name = strdup(name);
	label->value = strdup(value);
	if (label->name && label->value)
		return label;
	free(label->name);
	free(label->value);
	free(label);
	return NULL;
}

static void label_drop(struct label **at)
{
	struct label *label = *at;

	*at = label->next;
	free(label->name);
	free(label->value);
	free(label);
}

int labels_put(struct label **at, const char *name, const char *value)
{
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	struct label *made = value ? label_new(name, value) : NULL;
	if (value && !made)
		return -ENOMEM;
	if (*at && strcmp((*at)->name, name) == 0)
		label_drop(at);
	if (made) {
		made->next = *at;
		*at = made;
	}
	return 0;
}

int family_set(const struct key_family *family, void *config, const char *name, const char *value,
	       struct err *err)
{
	char text[CONFIG_LINE_MAX + 1];

	if (family_check_name(family, name, err) < 0 ||
	    value_trim(family->what, value, text, err) < 0)
		return -err->code;
	if (*text && family->check && family->check(text, err) < 0)
		return err_wrap(err, "%s%s", family->prefix, name);
	if (labels_put(head_of(family, config), name, *text ? text : NULL) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

void families_print(const struct schema *schema, const void *config, struct text *out)
{
	for (const struct key_family *family = schema->families; family && family->prefix;
	     family++) {
		for (const struct label *label = config_family_first(family, config); label;
		     label = label->next)
			text_add(out, "%s%s = %s\n", family->prefix, label->name, label->value);
	}
}

void labels_clear(struct label **list)
{
	while (*list)
		label_drop(list);
}

void families_free(const struct schema *schema, void *config)
{
	for (const struct key_family *family = schema->families; family && family->prefix; family++)
		labels_clear(head_of(family, config));
}
