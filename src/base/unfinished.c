/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/unfinished.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char folder_name[] = ".unfinished";

enum { SETTINGS_MAX = 256 << 10 };

static char *marks_folder(const struct unfinished *object)
{
	return dirs_state_path(object->dirs, "%s/%s", object->kind, folder_name);
}

char *unfinished_path(const struct unfinished *object)
{
	return dirs_state_path(object->dirs, "%s/%s/%s", object->kind, folder_name, object->name);
}

static char *settings_path(const struct unfinished *object)
{
	return dirs_state_path(object->dirs, "%s/%s/%s", object->kind, object->name, object->file);
}

/* Makes the folder of marks. Cheap if it exists. */
static int prepare(const struct unfinished *object, struct err *err)
{
	scoped_free char *parent = dirs_state_path(object->dirs, "%s", object->kind);
	scoped_free char *folder = marks_folder(object);

	if (!parent || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (access(folder, F_OK) == 0)
		return 0;
	/* Others have to pass through the folders above, such as dnsmasq to its own. */
	if (file_make_dirs(parent, 0711, err) < 0 || file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int r = file_sync_dir(parent);
	return r < 0 ? err_set(err, -r, "make '%s' durable: %s", folder, strerror(-r)) : 0;
}

int unfinished_begin(const struct unfinished *object, const char *settings, size_t length,
		     struct err *err)
{
	scoped_free char *mark = unfinished_path(object);

	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (prepare(object, err) < 0)
		return -err->code;
	int r = file_create(mark, settings, length, 0600);
	if (r == -EEXIST)
		return file_replace(mark, settings, length, 0600, err);
	return r < 0 ? err_set(err, -r, "write '%s': %s", mark, strerror(-r)) : 0;
}

bool unfinished_is(const struct unfinished *object)
{
	scoped_free char *mark = unfinished_path(object);
	scoped_free char *settings = settings_path(object);

	/* The order matters: an object that is completed meanwhile has its settings by then. */
	return mark && settings && access(mark, F_OK) == 0 && access(settings, F_OK) < 0;
}

int unfinished_finish(const struct unfinished *object, struct err *err)
{
	scoped_free char *mark = unfinished_path(object);
	scoped_free char *settings = settings_path(object);
	scoped_free char *folder =
		dirs_state_path(object->dirs, "%s/%s", object->kind, object->name);
	scoped_free char *parent = dirs_state_path(object->dirs, "%s", object->kind);

	if (!mark || !settings || !folder || !parent)
		return err_set(err, ENOMEM, "out of memory");
	int r = rename(mark, settings) < 0 ? -errno : file_sync_dir(folder);
	if (r == 0)
		r = file_sync_dir(parent);
	return r < 0 ? err_set(err, -r, "write '%s': %s", settings, strerror(-r)) : 0;
}

/* The settings are on another file system, such as a folder that is mounted or linked there. */
static int copy_mark(const char *settings, const char *mark, struct err *err)
{
	scoped_free char *text = NULL;
	ssize_t n = file_read(AT_FDCWD, settings, SETTINGS_MAX, &text);

	/* Unreadable settings are of no use to a clean-up either. */
	if (file_replace(mark, n < 0 ? "" : text, n < 0 ? 0 : (size_t)n, 0600, err) < 0)
		return -err->code;
	int r = remove_tree(AT_FDCWD, settings);
	return r < 0 ? err_set(err, -r, "remove '%s': %s", settings, strerror(-r)) : 0;
}

int unfinished_undo(const struct unfinished *object, struct err *err)
{
	scoped_free char *mark = unfinished_path(object);
	scoped_free char *settings = settings_path(object);
	scoped_free char *folder = marks_folder(object);

	if (!mark || !settings || !folder)
		return err_set(err, ENOMEM, "out of memory");
	int moved = rename(settings, mark);
	if (moved < 0 && errno == ENOENT) {
		if (prepare(object, err) < 0)
			return -err->code;
		moved = rename(settings, mark);
	}
	if (moved == 0) {
		int r = file_sync_dir(folder);
		return r < 0 ? err_set(err, -r, "make '%s' durable: %s", mark, strerror(-r)) : 0;
	}
	if (errno == EXDEV || errno == EISDIR || errno == ENOTDIR)
		return copy_mark(settings, mark, err);
	if (errno != ENOENT)
		return err_set(err, errno, "rename '%s' to '%s': %s", settings, mark,
			       strerror(errno));
	return access(mark, F_OK) == 0 ? 0 : file_replace(mark, "", 0, 0600, err);
}

int unfinished_drop(const struct unfinished *object, struct err *err)
{
	scoped_free char *mark = unfinished_path(object);

	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (unlink(mark) == 0)
		return 0;
	int r = remove_tree(AT_FDCWD, mark);
	return r < 0 ? err_set(err, -r, "remove '%s': %s", mark, strerror(-r)) : 0;
}

/* A file that a killed file_replace has left, once its lock is free. */
static void clear_aside(const char *folder, const char *name)
{
	scoped_free char *path = text_format("%s/%s", folder, name);
	scoped_fd int lock = path ? file_lock(path, FILE_LOCK_TRY) : -1;

	if (lock >= 0)
		unlink(path);
}

void unfinished_each(const struct dirs *dirs, const char *kind,
		     void (*visit)(void *, const char *name), void *context)
{
	scoped_free char *folder = dirs_state_path(dirs, "%s/%s", kind, folder_name);
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		const char *dot = strrchr(e->d_name, '.');
		if (!text_label_fault(e->d_name))
			visit(context, e->d_name);
		else if (dot && strcmp(dot, ".new") == 0)
			clear_aside(folder, e->d_name);
	}
}
