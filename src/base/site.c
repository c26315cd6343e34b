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
		int r = file_make_dirs(root, 0755, err);
		if (r < 0)
			return r;
		if (!realpath(root, resolved))
			return err_set(err, errno, "find root folder '%s': %s", root,
				       strerror(errno));
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

int site_lock(const struct site *site, const char *name, unsigned seconds, const char *what,
	      struct err *err)
{
	scoped_free char *folder = site_run_path(site, "locks");
	scoped_free char *path = site_run_path(site, "locks/%s", name);

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	int fd = file_lock_within(path, seconds);
	if (fd == -ENOENT) {
		int r = file_make_dirs(folder, 0711, err);
		if (r < 0)
			return r;
		fd = file_lock_within(path, seconds);
	}
	if (fd == -EWOULDBLOCK)
		return err_set(err, EBUSY,
			       "%s is in use by another berth command; try again when it ends",
			       what);
	if (fd < 0)
		return err_set(err, -fd, "lock '%s': %s", path, strerror(-fd));
	return fd;
}
