/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/provision_host.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETTINGS_MAX = 65536 };

/* The value of NAME=VALUE in a file that a shell could read, without its quotes. The caller frees it. */
static char *find(const char *text, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		at += strspn(at, " \t");
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			found = at + length + 1;
	}
	if (!found)
		return strdup("");
	size_t n = strcspn(found, "\n");
	if (*found == '"' || *found == '\'')
		return text_format("%.*s", (int)strcspn(found + 1, *found == '"' ? "\"\n" : "'\n"),
				   found + 1);
	return text_format("%.*s", (int)(n < strcspn(found, " \t#") ? n : strcspn(found, " \t#")),
			   found);
}

/* The first of these files that has the name with a value. "": none has it. */
static char *find_in(const char *const *paths, const char *name, char **text)
{
	for (size_t i = 0; paths[i]; i++) {
		if (file_read(AT_FDCWD, paths[i], SETTINGS_MAX, text) < 0)
			continue;
		char *value = find(*text, name);
		if (!value || *value)
			return value;
		free(value);
		free(*text);
		*text = NULL;
	}
	return strdup("");
}

/* LAYOUT:VARIANT:MODEL:OPTIONS, from the file that has a layout; systemd has these names in vconsole.conf. */
static char *find_keymap(void)
{
	static const char *const paths[] = { "/etc/default/keyboard", "/etc/vconsole.conf", NULL };
	scoped_free char *text = NULL;
	scoped_free char *layout = find_in(paths, "XKBLAYOUT", &text);
	scoped_free char *variant = find(text ? text : "", "XKBVARIANT");
	scoped_free char *model = find(text ? text : "", "XKBMODEL");
	scoped_free char *options = find(text ? text : "", "XKBOPTIONS");

	if (!layout || !variant || !model || !options)
		return NULL;
	return *layout ? text_format("%s:%s:%s:%s", layout, variant, model, options) : strdup("");
}

static char *find_locale(void)
{
	static const char *const paths[] = { "/etc/locale.conf", "/etc/default/locale", NULL };
	scoped_free char *text = NULL;

	return find_in(paths, "LANG", &text);
}

/* The link counts: a text beside it may be older. */
static char *find_timezone(void)
{
	static const char folder[] = "/zoneinfo/";
	scoped_free char *text = NULL;
	char link[PATH_MAX];
	ssize_t n = readlink("/etc/localtime", link, sizeof link - 1);

	link[n < 0 ? 0 : n] = '\0';
	const char *zone = strstr(link, folder);
	if (zone)
		return strdup(zone + strlen(folder));
	if (file_read(AT_FDCWD, "/etc/timezone", SETTINGS_MAX, &text) < 0)
		return strdup("");
	return strdup(text_trim(text));
}

int provision_host_value(const char *flag, const char *given, char **value, struct err *err)
{
	static const struct {
		const char *flag, *what;
		char *(*find)(void);
	} known[] = {
		{ "keymap", "keyboard layout: /etc/default/keyboard has no XKBLAYOUT",
		  find_keymap },
		{ "locale", "locale: /etc/default/locale has no LANG", find_locale },
		{ "timezone", "time zone: /etc/localtime is no link to one", find_timezone },
	};

	if (strcmp(given, PROVISION_HOST) != 0) {
		*value = strdup(given);
		return *value ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i].flag, flag) != 0)
			continue;
		*value = known[i].find();
		if (!*value)
			return err_set(err, ENOMEM, "out of memory");
		if (**value)
			return 0;
		free(*value);
		*value = NULL;
		return err_set(err, ENOENT,
			       "--%s cannot be 'host', since this host has no %s; name one", flag,
			       known[i].what);
	}
	return err_set(err, EINVAL, "--%s is no setting of a host", flag);
}
