/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/object.h"

#include "base/renaming.h"
#include "base/scoped.h"
#include "storage/inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int object_names(const char *folder, int (*order)(const struct dirent **, const struct dirent **),
		 struct dirent ***names)
{
	int n = scandir(folder, names, NULL, order);

	return n >= 0 ? n : errno == ENOENT ? 0 : -errno;
}

void object_free_names(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

struct unfinished object_mark(const struct object_kind *kind, const struct dirs *dirs,
			      const char *name)
{
	return (struct unfinished){
		.dirs = dirs, .kind = kind->kind, .name = name, .file = kind->file
	};
}

/* ---- The search */

/* The error for a missing object, with a similar name if there is one. */
static int tell_missing(const struct object_kind *kind, const struct dirs *dirs, const char *name,
			struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "%s", kind->kind);
	struct dirent **found = NULL;
	int count = folder ? object_names(folder, kind->order, &found) : 0;
	const char **words = calloc((size_t)(count < 0 ? 0 : count) + 1, sizeof *words);
	size_t n = 0;

	for (int i = 0; words && i < count; i++) {
		if (!text_label_fault(found[i]->d_name))
			words[n++] = found[i]->d_name;
	}
	const char *near = words ? text_nearest(name, words) : NULL;
	scoped_free char *machine = dirs_state_path(dirs, "machines/%s/machine.conf", name);
	bool cloned = strcmp(kind->kind, "templates") == 0 && machine && access(machine, F_OK) == 0;
	/* One of this very name is being made. */
	if (cloned)
		err_set(err, ENOENT,
			"there is no template '%s'; there is a machine of that name: berth clone "
			"%s "
			"NEW",
			name, name);
	else if (near && strcmp(near, name) != 0)
		err_set(err, ENOENT, "there is no %s '%s'; did you mean '%s'?", kind->word, name,
			near);
	else
		err_set(err, ENOENT,
			"there is no %s '%s'; 'berth %s list' shows those that are there, 'berth "
			"%s %s' makes one",
			kind->word, name, kind->word, kind->word, kind->maker);
	free(words);
	object_free_names(found, count < 0 ? 0 : count);
	return -err->code;
}

/* An object without settings: absent, in the making (-ENOENT), or broken (-ENODATA). */
static int tell_rest(const struct object_kind *kind, const struct dirs *dirs, const char *name,
		     struct err *err)
{
	struct unfinished mark = object_mark(kind, dirs, name);
	scoped_inventory struct inventory inventory = { .dirs = dirs };
	scoped_free char *folder = dirs_state_path(dirs, "%s/%s", kind->kind, name);
	char volume[VOLUME_NAME_MAX + 1];
	struct renaming renaming;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (unfinished_is(&mark))
		return tell_missing(kind, dirs, name, err);
	kind->volume(name, volume);
	const char *pool = inventory_find(&inventory, volume);
	/* A volume that has not followed to the new name of its object is not this one's. */
	if (pool && renaming_find_from(&renaming, dirs, kind->kind, name))
		return tell_missing(kind, dirs, name, err);
	if (pool)
		return err_set(err, ENODATA,
			       "%s '%s' has lost its settings, and pool '%s' holds its %s: bring "
			       "back '%s/%s', or %s: berth %s adopt %s; or delete it: berth %s "
			       "delete --force %s",
			       kind->word, name, pool, kind->holds, folder, kind->file, kind->anew,
			       kind->word, name, kind->word, name);
	if (access(folder, F_OK) < 0)
		return tell_missing(kind, dirs, name, err);
	return err_set(err, ENODATA,
		       "%s '%s' has lost its settings, and no reachable pool has its %s: bring "
		       "back '%s/%s' and its pool, or delete it: berth %s delete --force %s",
		       kind->word, name, kind->holds, folder, kind->file, kind->word, name);
}

static int check_label(const struct object_kind *kind, const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	return fault ? err_set(err, EINVAL, "%s name '%.80s' %s", kind->word, name, fault) : 0;
}

int object_open(const struct object_kind *kind, const struct dirs *dirs, const char *name,
		void *config, struct err *err)
{
	struct err loading = { 0 }, rest = { 0 };

	if (check_label(kind, name, err) < 0)
		return -err->code;
	int r = kind->load(dirs, name, config, &loading);
	if (r != -ENOENT)
		return r < 0 ? err_set(err, loading.code, "%s '%s': %s", kind->word, name,
				       loading.text)
			     : 0;
	r = tell_rest(kind, dirs, name, &rest);
	/* The object may have been made since the search. */
	if (kind->load(dirs, name, config, &(struct err){ 0 }) == 0)
		return 0;
	*err = rest;
	return r;
}

/* ---- Removal */

struct sweep {
	const struct object_care *care;
	const struct dirs *dirs;
};

static void sweep_one(void *context, const char *name)
{
	const struct sweep *sweep = context;
	const struct object_care *care = sweep->care;
	struct unfinished mark = object_mark(care->kind, sweep->dirs, name);
	struct err ignored = { 0 };
	scoped_fd int lock = care->lock(sweep->dirs, name, 0, &ignored);

	if (lock < 0)
		return;
	int r = unfinished_is(&mark) ? care->erase(sweep->dirs, name, false, &ignored)
				     : unfinished_drop(&mark, &ignored);
	if (r == 0)
		care->lock_forget(sweep->dirs, name);
}

void object_sweep(const struct object_care *care, const struct dirs *dirs)
{
	struct sweep sweep = { care, dirs };

	unfinished_each(dirs, care->kind->kind, sweep_one, &sweep);
}

int object_delete(const struct object_care *care, const struct dirs *dirs, const char *name,
		  bool force, unsigned seconds,
		  int (*check)(const struct dirs *dirs, const char *name, struct err *err),
		  struct err *err)
{
	struct unfinished mark = object_mark(care->kind, dirs, name);
	struct err why = { 0 };

	if (check_label(care->kind, name, err) < 0)
		return -err->code;
	scoped_fd int lock = care->lock(dirs, name, seconds, err);
	if (lock < 0)
		return lock;
	if (unfinished_is(&mark) && care->erase(dirs, name, force, err) < 0)
		return -err->code;
	int r = care->probe(dirs, name, &why);
	if (r == -ENOENT)
		care->lock_forget(dirs, name);
	if (r < 0 && (r == -ENOENT || !force))
		return err_set(err, why.code, "%s%s", why.text,
			       r == -ENOENT || r == -ENODATA
				       ? ""
				       : "; it can be deleted as it is with --force");
	if (check && check(dirs, name, err) < 0)
		return -err->code;
	r = care->erase(dirs, name, force, err);
	if (r == 0)
		care->lock_forget(dirs, name);
	return r;
}
