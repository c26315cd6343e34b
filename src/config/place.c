/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/place.h"

#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SSH "ssh:"

/* The folder behind [USER@]HOST, whose length n receives; NULL: the text has none. */
static const char *find_folder(const char *rest, size_t *n)
{
	const char *bracket = strchr(rest, ']');
	const char *colon = strstr(bracket ? bracket : rest, ":/");

	*n = colon ? (size_t)(colon - rest) : 0;
	return colon ? colon + 1 : NULL;
}

const char *config_place_fault(const char *text)
{
	size_t n;

	if (strlen(text) >= PATH_MAX)
		return "the path is too long";
	if (*text == '/')
		return NULL;
	if (!text_starts(text, SSH))
		return "use an absolute path, one that begins with '/', or ssh:[USER@]HOST:/FOLDER";
	const char *rest = text + strlen(SSH);
	const char *folder = find_folder(rest, &n);
	if (!folder || n == 0)
		return "use ssh:[USER@]HOST:/FOLDER, with an absolute path";
	/* A word that begins with '-' would be an option of ssh. */
	if (*rest == '-' || strcspn(rest, " \t'\"\\;&|<>$`/") < n)
		return "the host has a character that no name of one has";
	for (const char *c = rest; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127)
			return "it has a control character";
	}
	return NULL;
}

int config_place_split(const char *text, char **host, char **folder)
{
	const char *rest = text + strlen(SSH);
	size_t n = 0;

	*host = NULL;
	if (!text_starts(text, SSH)) {
		*folder = strdup(text);
		return *folder ? 0 : -ENOMEM;
	}
	const char *path = find_folder(rest, &n);
	*folder = strdup(path ? path : "/");
	*host = strndup(rest, n);
	return *folder && *host ? 0 : -ENOMEM;
}
