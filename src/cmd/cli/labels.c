/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/labels.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"

#include <fnmatch.h>
#include <string.h>

json_t *labels_object(const struct label *first)
{
	json_t *object = json_object();

	for (; first; first = first->next)
		json_object_set_new(object, first->name, json_string(first->value));
	return object;
}

void labels_text(const struct label *first, struct text *out)
{
	for (const struct label *label = first; label; label = label->next)
		text_add(out, "%s%s=%s", label == first ? "" : ",", label->name, label->value);
}

bool name_matches(const char *word, const char *name)
{
	return fnmatch(word, name, 0) == 0;
}

static bool one_matches(const struct label *first, char *term)
{
	char *value = strchr(term, '=');

	if (value)
		*value++ = '\0';
	const char *found = config_label(first, term);
	return found && (!value || name_matches(value, found));
}

bool labels_match(const struct label *first, const char *wanted)
{
	scoped_free char *copy = strdup(wanted);
	char *rest = copy;

	for (char *term; (term = strsep(&rest, ","));) {
		if (!one_matches(first, term))
			return false;
	}
	return copy != NULL;
}

int labels_check_wanted(const char *wanted, struct err *err)
{
	scoped_free char *copy = strdup(wanted);
	char *rest = copy;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *term; (term = strsep(&rest, ","));) {
		if (*term && *term != '=')
			continue;
		err_set(err, EINVAL,
			"--label cannot be '%.80s': use NAME=VALUE, or NAME for any value, "
			"separated by commas",
			wanted);
		return EXIT_USAGE;
	}
	return 0;
}
