/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/renaming.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static const char folder_name[] = ".renaming";

enum { MARK_MAX = 128 };

static char *mark_path(const struct dirs *dirs, const char *kind, const char *from)
{
	return dirs_state_path(dirs, "%s/%s.%s", folder_name, kind, from);
}

static char *object_path(const struct dirs *dirs, const char *kind, const char *name)
{
	return dirs_state_path(dirs, "%s/%s", kind, name);
}

static bool read_mark(struct renaming *renaming, const struct dirs *dirs, const char *kind,
		      const char *from)
{
	scoped_free char *path = mark_path(dirs, kind, from);
	scoped_free char *text = NULL;

	*renaming = (struct renaming){ .kind = kind };
	if (!path || text_print(renaming->from, sizeof renaming->from, "%s", from) < 0 ||
	    file_read(AT_FDCWD, path, MARK_MAX, &text) < 0)
		return false;
	return sscanf(text, "%63s %" SCNu64, renaming->to, &renaming->folder) == 2 &&
	       !text_label_fault(renaming->to);
}

int renaming_note(const struct renaming *renaming, const struct dirs *dirs, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "%s", folder_name);
	scoped_free char *path = mark_path(dirs, renaming->kind, renaming->from);
	scoped_free char *text = text_format("%s %" PRIu64 "\n", renaming->to, renaming->folder);

	if (!folder || !path || !text)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int r = file_sync_dir(dirs->state);
	return r < 0 ? err_set(err, -r, "make '%s' durable: %s", folder, strerror(-r))
		     : file_replace(path, text, strlen(text), 0600, err);
}

int renaming_begin(struct renaming *renaming, const struct dirs *dirs, const char *kind,
		   const char *from, const char *to, struct err *err)
{
	scoped_free char *folder = object_path(dirs, kind, from);
	struct stat st;

	*renaming = (struct renaming){ .kind = kind };
	if (!folder || text_print(renaming->from, sizeof renaming->from, "%s", from) < 0 ||
	    text_print(renaming->to, sizeof renaming->to, "%s", to) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (lstat(folder, &st) < 0)
		return err_set(err, errno, "look at '%s': %s", folder, strerror(errno));
	renaming->folder = st.st_ino;
	int r = renaming_note(renaming, dirs, err);
	fault_point("rename-marked");
	return r;
}

int renaming_commit(const struct renaming *renaming, const struct dirs *dirs, struct err *err)
{
	scoped_free char *parent = dirs_state_path(dirs, "%s", renaming->kind);
	scoped_free char *from = object_path(dirs, renaming->kind, renaming->from);
	scoped_free char *to = object_path(dirs, renaming->kind, renaming->to);

	if (!parent || !from || !to)
		return err_set(err, ENOMEM, "out of memory");
	if (rename(from, to) < 0) {
		err_set(err, errno, "rename '%s' to '%s': %s", from, to, strerror(errno));
		renaming_end(renaming, dirs, &(struct err){ 0 });
		return -err->code;
	}
	fault_point("rename-renamed");
	int r = file_sync_dir(parent);
	return r < 0 ? err_set(err, -r, "make '%s' durable: %s", to, strerror(-r)) : 0;
}

int renaming_end(const struct renaming *renaming, const struct dirs *dirs, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "%s", folder_name);
	scoped_free char *path = mark_path(dirs, renaming->kind, renaming->from);

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", path, strerror(errno));
	/* Without the folder, a look for marks is one system call. It stays while there are others. */
	rmdir(folder);
	return 0;
}

bool renaming_is_committed(const struct renaming *renaming, const struct dirs *dirs)
{
	scoped_free char *folder = object_path(dirs, renaming->kind, renaming->to);
	struct stat st;

	return folder && lstat(folder, &st) == 0 && st.st_ino == renaming->folder;
}

bool renaming_any(const struct dirs *dirs)
{
	char folder[4096];

	return text_print(folder, sizeof folder, "%s/%s", dirs->state, folder_name) == 0 &&
	       access(folder, F_OK) == 0;
}

bool renaming_is_open(const struct renaming *renaming, const struct dirs *dirs)
{
	struct renaming now;

	return read_mark(&now, dirs, renaming->kind, renaming->from) &&
	       strcmp(now.to, renaming->to) == 0 && now.folder == renaming->folder;
}

bool renaming_find_from(struct renaming *renaming, const struct dirs *dirs, const char *kind,
			const char *from)
{
	return read_mark(renaming, dirs, kind, from) && renaming_is_committed(renaming, dirs);
}

struct search {
	const struct dirs *dirs;
	const char *to;
	struct renaming *found;
	bool is_found;
};

static void compare(void *context, const struct renaming *renaming)
{
	struct search *search = context;

	if (strcmp(renaming->to, search->to) != 0 || !renaming_is_committed(renaming, search->dirs))
		return;
	*search->found = *renaming;
	search->is_found = true;
}

bool renaming_find_to(struct renaming *renaming, const struct dirs *dirs, const char *kind,
		      const char *to)
{
	struct search search = { .dirs = dirs, .to = to, .found = renaming };

	renaming_each(dirs, kind, compare, &search);
	return search.is_found;
}

void renaming_each(const struct dirs *dirs, const char *kind,
		   void (*visit)(void *, const struct renaming *), void *context)
{
	char folder[4096];
	struct dirent **found = NULL;
	size_t length = strlen(kind);
	struct renaming renaming;

	if (text_print(folder, sizeof folder, "%s/%s", dirs->state, folder_name) < 0)
		return;
	/* All names are read first, because visit removes some. */
	int n = scandir(folder, &found, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = found[i]->d_name;
		if (strncmp(name, kind, length) == 0 && name[length] == '.' &&
		    !text_label_fault(name + length + 1) &&
		    read_mark(&renaming, dirs, kind, name + length + 1))
			visit(context, &renaming);
		free(found[i]);
	}
	free(found);
}
