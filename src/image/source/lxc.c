/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Containers of LXC, by their folder with a config. Its root is read as any folder is; the ids of an unprivileged one
 * are mapped back to its own.
 */
#include "image/source/source.h"

#include "base/file.h"
#include "base/scoped.h"
#include "image/source/container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CONFIG_MAX = 1 << 20, SOCKETS_MAX = 16 << 20 };

/* A folder with a config that names a root. */
static bool fits(const struct source *source)
{
	scoped_free char *path = source->path ? text_format("%s/config", source->path) : NULL;
	scoped_free char *text = NULL;

	return path && strcmp(source->path, "-") != 0 &&
	       file_read(AT_FDCWD, path, CONFIG_MAX, &text) > 0 &&
	       (text_starts(text, "lxc.rootfs") || strstr(text, "\nlxc.rootfs"));
}

/* LXC listens on an abstract socket of that name while the container runs. */
static bool is_running(const char *path)
{
	scoped_free char *name = text_format(" @%s/command\n", path);
	scoped_free char *sockets = NULL;

	return name && file_read(AT_FDCWD, "/proc/net/unix", SOCKETS_MAX, &sockets) > 0 &&
	       strstr(sockets, name);
}

static int refuse_root(const char *root, struct err *err)
{
	return err_set(err, ENOTSUP,
		       "its root is '%.200s', which is no folder: mount it, and import the folder",
		       root);
}

/* "dir:/path" and "/path" are folders; other stores are not. */
static int find_root(const struct container *container, const char **root, struct err *err)
{
	const char *path = text_str(&container->root);
	struct stat st;

	if (text_starts(path, "dir:"))
		path += strlen("dir:");
	else if (text_starts(path, "btrfs:"))
		path += strlen("btrfs:");
	if (*path != '/' || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return refuse_root(text_str(&container->root), err);
	*root = path;
	return 0;
}

/* Settings of the config become presets; keys that have no use here are told. */
static int take_settings(struct source *source, const struct container *container, struct err *err)
{
	text_add(&source->settings, "%s", text_str(&container->settings));
	if (container->env.length)
		text_add(&source->settings, "default.env = %s\n", text_str(&container->env));
	if (container->left.length)
		text_add(&source->notes, "of its config, these keys were left out: %s\n",
			 text_str(&container->left));
	return source->settings.failed || source->notes.failed
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

static int begin_container(struct source *source, const char *path, char *text, struct err *err)
{
	scoped_container struct container container = { 0 };
	const char *last = strrchr(path, '/') + 1, *root = NULL;

	if (is_running(path))
		return err_set(err, EBUSY, "it is running: stop it first: lxc-stop -n %s", last);
	if (container_parse(&container, text, err) < 0 || find_root(&container, &root, err) < 0 ||
	    take_settings(source, &container, err) < 0)
		return -err->code;
	source->description = text_format("container %s", last);
	source->origin = text_format("container %s", last);
	if (!source->description || !source->origin)
		return err_set(err, ENOMEM, "out of memory");
	return source_pack(source, root, &container.shift, err);
}

static int begin(struct source *source, struct err *err)
{
	scoped_free char *path = realpath(source->path, NULL);
	scoped_free char *config = text_format("%s/config", path ? path : "");
	scoped_free char *text = NULL;
	ssize_t n = path && config ? file_read(AT_FDCWD, config, CONFIG_MAX, &text) : -errno;

	if (n < 0)
		return err_set(err, (int)-n, "read the config of container '%s': %s", source->path,
			       file_why((int)-n));
	return begin_container(source, path, text, err) < 0
		       ? err_wrap(err, "container '%s'", source->path)
		       : 0;
}

const struct source_ops source_container = {
	.noun = "container",
	.fits = fits,
	.begin = begin,
};
