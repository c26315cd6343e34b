/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/dirs.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

static const char default_etc[] = "/etc/berth";
static const char default_state[] = "/var/lib/berth";
static const char default_run[] = "/run/berth";

/*
 * The absolute path of a folder that may be missing: its existing part without links, and the names below it. Nothing
 * is created: the root may be mistyped. Cuts path.
 */
static int resolve(char *path, char resolved[PATH_MAX])
{
	size_t used, length = strlen(path);
	int r = 0;

	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	if (realpath(path, resolved))
		return 0;
	if (errno != ENOENT)
		return -errno;
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -ENOENT;
	if (slash)
		*slash = '\0';
	if (slash == path)
		strcpy(resolved, "/");
	else if (slash)
		r = resolve(path, resolved);
	else if (!realpath(".", resolved))
		r = -errno;
	if (r < 0)
		return r;
	used = strlen(resolved);
	r = text_print(resolved + used, PATH_MAX - used, "%s%s", used > 1 ? "/" : "", name);
	return r < 0 ? -ENAMETOOLONG : 0;
}

int dirs_open(struct dirs *dirs, const char *root, struct err *err)
{
	char resolved[PATH_MAX];

	*dirs = (struct dirs){ 0 };
	if (!root)
		root = getenv("BERTH_ROOT");
	if (!root || !*root) {
		dirs->etc = strdup(default_etc);
		dirs->state = strdup(default_state);
		dirs->run = strdup(default_run);
	} else {
		scoped_free char *path = strdup(root);
		int r = path ? resolve(path, resolved) : -ENOMEM;
		if (r < 0)
			return err_set(err, -r, "find root folder '%s': %s", root, strerror(-r));
		dirs->root = strdup(resolved);
		dirs->etc = text_format("%s/etc", resolved);
		dirs->state = text_format("%s/lib", resolved);
		dirs->run = text_format("%s/run", resolved);
		snprintf(dirs->tag, sizeof dirs->tag, "%06x",
			 (unsigned)(text_hash(resolved) & 0xffffff));
	}
	if (!dirs->etc || !dirs->state || !dirs->run || (root && *root && !dirs->root)) {
		dirs_close(dirs);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

void dirs_close(struct dirs *dirs)
{
	free(dirs->root);
	free(dirs->etc);
	free(dirs->state);
	free(dirs->run);
	*dirs = (struct dirs){ 0 };
}

void dirs_object_name(const struct dirs *dirs, char *out, size_t room)
{
	snprintf(out, room, "berth%s%s", dirs->tag[0] ? "-" : "", dirs->tag);
}

__attribute__((format(printf, 2, 0))) static char *path_below(const char *folder, const char *fmt,
							      va_list ap)
{
	scoped_text struct text text = { 0 };
	char *name = NULL;

	if (vasprintf(&name, fmt, ap) < 0)
		return NULL;
	text_add(&text, "%s/%s", folder, name);
	free(name);
	return text.failed ? NULL : take_ptr(&text.data);
}

char *dirs_state_path(const struct dirs *dirs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *path = path_below(dirs->state, fmt, ap);
	va_end(ap);
	return path;
}

char *dirs_run_path(const struct dirs *dirs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *path = path_below(dirs->run, fmt, ap);
	va_end(ap);
	return path;
}

typedef int lock_function(const char *path, unsigned seconds);

static int take_lock(const struct dirs *dirs, const char *name, lock_function *lock,
		     unsigned seconds, const char *what, struct err *err)
{
	scoped_free char *folder = dirs_run_path(dirs, "locks");
	scoped_free char *path = dirs_run_path(dirs, "locks/%s", name);

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	int fd = lock(path, seconds);
	if (fd == -ENOENT) {
		int r = file_make_dirs(folder, 0711, err);
		if (r < 0)
			return r;
		fd = lock(path, seconds);
	}
	if (fd == -EWOULDBLOCK)
		return err_set(err, EBUSY,
			       "%s is in use by another berth command; try again when it ends",
			       what);
	if (fd < 0)
		return err_set(err, -fd, "lock '%s': %s", path, strerror(-fd));
	return fd;
}

int dirs_lock(const struct dirs *dirs, const char *name, unsigned seconds, const char *what,
	      struct err *err)
{
	return take_lock(dirs, name, file_lock_within, seconds, what, err);
}

int dirs_lock_shared(const struct dirs *dirs, const char *name, unsigned seconds, const char *what,
		     struct err *err)
{
	return take_lock(dirs, name, file_lock_shared_within, seconds, what, err);
}

void dirs_lock_forget(const struct dirs *dirs, const char *name)
{
	scoped_free char *path = dirs_run_path(dirs, "locks/%s", name);

	if (path)
		unlink(path);
}
