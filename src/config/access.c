/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rights of users on a machine: "ann:use bob:manage". */
#include "base/scoped.h"
#include "config/types.h"
#include "config/values.h"

#include <stdlib.h>
#include <string.h>

static const char letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@+$-";

enum { NAME_MAX_BYTES = 255 };

/* Divides "USER:RIGHT" in place. */
static enum access_right divide(char *word)
{
	char *colon = strchr(word, ':');

	if (!colon)
		return ACCESS_NONE;
	*colon = '\0';
	if (strcmp(colon + 1, "use") == 0)
		return ACCESS_USE;
	return strcmp(colon + 1, "manage") == 0 ? ACCESS_MANAGE : ACCESS_NONE;
}

enum access_right config_access(const char *value, const char *user)
{
	scoped_free char *copy = strdup(value);
	char *rest = copy;

	for (char *word; copy && (word = strsep(&rest, " ,\t"));) {
		enum access_right right = divide(word);
		if (*word && strcmp(word, user) == 0)
			return right;
	}
	return ACCESS_NONE;
}

static bool is_user(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_BYTES && *name != '-' && strspn(name, letters) == n;
}

int access_print(const char *value, struct text *out, struct err *err)
{
	scoped_free char *copy = strdup(value);
	char *rest = copy;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *word; (word = strsep(&rest, " ,\t"));) {
		if (!*word)
			continue;
		scoped_free char *whole = strdup(word);
		enum access_right right = divide(word);
		if (right == ACCESS_NONE || !is_user(word))
			return err_set(err, EINVAL,
				       "'%.60s' is no right: use USER:use or USER:manage",
				       whole ? whole : word);
		if (out->length > 0 && config_access(text_str(out), word) != ACCESS_NONE)
			return err_set(err, EINVAL, "user '%.60s' is named twice", word);
		text_add(out, "%s%s:%s", out->length ? " " : "", word,
			 right == ACCESS_USE ? "use" : "manage");
	}
	return 0;
}
