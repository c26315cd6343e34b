/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels, "label.NAME = VALUE": keys whose names the user chooses, kept in a list that is sorted by name. */
#include "config/file.h"
#include "config/types.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "label."

static struct label **head_of(const struct schema *schema, void *config)
{
	return (struct label **)(void *)((char *)config + schema->labels);
}

const struct label *labels_of(const struct schema *schema, const void *config)
{
	return *(struct label *const *)(const void *)((const char *)config + schema->labels);
}

const char *config_label_name(const struct schema *schema, const char *key)
{
	return schema->labels && text_starts(key, PREFIX) ? key + strlen(PREFIX) : NULL;
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

int label_check_name(const char *name, struct err *err)
{
	if (is_name(name))
		return 0;
	return err_set(err, EINVAL,
		       "label '%.80s' needs another name: use 1 to %d letters, digits, '.', '_' "
		       "and '-', and begin with a letter or a digit",
		       value_text_fault(name) ? "?" : name, LABEL_NAME_MAX);
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

int label_set(const struct schema *schema, void *config, const char *name, const char *value,
	      struct err *err)
{
	char text[CONFIG_LINE_MAX + 1];

	if (label_check_name(name, err) < 0 || value_trim("label", value, text, err) < 0)
		return -err->code;
	if (labels_put(head_of(schema, config), name, *text ? text : NULL) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

void labels_print(const struct schema *schema, const void *config, struct text *out)
{
	const struct label *label = schema->labels ? labels_of(schema, config) : NULL;

	for (; label; label = label->next)
		text_add(out, PREFIX "%s = %s\n", label->name, label->value);
}

void labels_clear(struct label **list)
{
	while (*list)
		label_drop(list);
}

void labels_free(const struct schema *schema, void *config)
{
	if (schema->labels)
		labels_clear(head_of(schema, config));
}
