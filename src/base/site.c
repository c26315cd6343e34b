/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/site.h"

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
 * The absolute path of a folder that need not be there: that of the part which is, without links, and the names
 * below it. A look at a root that nobody has made yet, or that is mistyped, makes nothing. Cuts path.
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

int site_open(struct site *site, const char *root, struct err *err)
{
	char resolved[PATH_MAX];

	*site = (struct site){ 0 };
	if (!root)
		root = getenv("BERTH_ROOT");
	if (!root || !*root) {
		site->etc = strdup(default_etc);
		site->state = strdup(default_state);
		site->run = strdup(default_run);
	} else {
		scoped_free char *path = strdup(root);
		int r = path ? resolve(path, resolved) : -ENOMEM;
		if (r < 0)
			return err_set(err, -r, "find root folder '%s': %s", root, strerror(-r));
		site->root = strdup(resolved);
		site->etc = text_format("%s/etc", resolved);
		site->state = text_format("%s/lib", resolved);
		site->run = text_format("%s/run", resolved);
		snprintf(site->tag, sizeof site->tag, "%06x",
			 (unsigned)(text_hash(resolved) & 0xffffff));
	}
	if (!site->etc || !site->state || !site->run || (root && *root && !site->root)) {
		site_close(site);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

void site_close(struct site *site)
{
	free(site->root);
	free(site->etc);
	free(site->state);
	free(site->run);
	*site = (struct site){ 0 };
}

void site_name(const struct site *site, char *out, size_t room)
{
	snprintf(out, room, "berth%s%s", site->tag[0] ? "-" : "", site->tag);
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

char *site_state_path(const struct site *site, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *path = path_below(site->state, fmt, ap);
	va_end(ap);
	return path;
}

char *site_run_path(const struct site *site, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *path = path_below(site->run, fmt, ap);
	va_end(ap);
	return path;
}

typedef int lock_function(const char *path, unsigned seconds);

static int take_lock(const struct site *site, const char *name, lock_function *lock,
		     unsigned seconds, const char *what, struct err *err)
{
	scoped_free char *folder = site_run_path(site, "locks");
	scoped_free char *path = site_run_path(site, "locks/%s", name);

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

int site_lock(const struct site *site, const char *name, unsigned seconds, const char *what,
	      struct err *err)
{
	return take_lock(site, name, file_lock_within, seconds, what, err);
}

int site_lock_shared(const struct site *site, const char *name, unsigned seconds, const char *what,
		     struct err *err)
{
	return take_lock(site, name, file_lock_shared_within, seconds, what, err);
}

void site_lock_forget(const struct site *site, const char *name)
{
	scoped_free char *path = site_run_path(site, "locks/%s", name);

	if (path)
		unlink(path);
}
