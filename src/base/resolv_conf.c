/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/resolv_conf.h"

#include "base/scoped.h"
#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char conf[] = "/etc/resolv.conf";

/* Follows one link: path becomes its target. False: path is no link. */
static bool follow(char path[PATH_MAX])
{
	char target[PATH_MAX], next[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	char *slash = strrchr(path, '/');
	int folder = *target == '/' ? 0 : (int)(slash - path) + 1;
	if (text_print(next, sizeof next, "%.*s%s", folder, path, target) < 0)
		return false;
	memcpy(path, next, sizeof next);
	return true;
}

/* Cuts an absolute path to its folder; that of the root is the root. */
static void cut(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = '\0';
}

char *resolv_conf_file(void)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	char *file = realpath(conf, NULL);

	if (file)
		return file;
	text_print(path, sizeof path, "%s", conf);
	for (int i = 0; i < RESOLV_CONF_FOLDERS && follow(path); i++)
		;
	if (text_print(name, sizeof name, "%s", strrchr(path, '/') + 1) < 0)
		return strdup("");
	cut(path);
	scoped_free char *folder = realpath(path, NULL);
	return folder ? text_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name)
		      : strdup("");
}

void resolv_conf_folders(void (*visit)(void *, const char *folder), void *context)
{
	char path[PATH_MAX], folder[PATH_MAX];

	text_print(path, sizeof path, "%s", conf);
	for (int i = 0; i < RESOLV_CONF_FOLDERS; i++) {
		memcpy(folder, path, sizeof folder);
		do
			cut(folder);
		while (access(folder, F_OK) < 0 && folder[1]);
		visit(context, folder);
		if (!follow(path))
			return;
	}
}
