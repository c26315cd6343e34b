/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/data/data.h"

#include "base/scoped.h"
#include "machine/life/volume_use.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int load(const struct dirs *dirs, const char *name, struct volume_config *config,
		struct err *err)
{
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/volume.conf", name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&volume_schema, path, config, err);
	if (r < 0 || *config->pool)
		return r;
	config_free(&volume_schema, config);
	return err_set(err, EUCLEAN,
		       "'%s' does not say in which pool the data are: it was emptied or truncated; "
		       "bring it back from a backup",
		       path);
}

struct unfinished data_mark(const struct dirs *dirs, const char *name)
{
	return (struct unfinished){
		.dirs = dirs, .kind = "volumes", .name = name, .file = "volume.conf"
	};
}

static void name_lock(const char *name, char lock[80], char what[80])
{
	snprintf(lock, 80, "data.%s", name);
	snprintf(what, 80, "volume '%s'", name);
}

int data_lock(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err)
{
	char lock[80], what[80];

	name_lock(name, lock, what);
	return dirs_lock(dirs, lock, seconds, what, err);
}

void data_lock_forget(const struct dirs *dirs, const char *name)
{
	char lock[80], what[80];

	name_lock(name, lock, what);
	dirs_lock_forget(dirs, lock);
	volume_use_forget(dirs, name);
}

/* The names of folders, sorted; an absent folder has none. Freed by free_names. */
static int read_names(const struct dirs *dirs, struct dirent ***names)
{
	scoped_free char *folder = dirs_state_path(dirs, "volumes");

	if (!folder)
		return -ENOMEM;
	int n = scandir(folder, names, NULL, versionsort);
	return n >= 0 ? n : errno == ENOENT ? 0 : -errno;
}

static void free_names(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* The error for a missing volume, with a similar name if there is one. */
static int tell_missing(const struct dirs *dirs, const char *name, struct err *err)
{
	struct dirent **found = NULL;
	int count = read_names(dirs, &found);
	const char **words = calloc((size_t)(count < 0 ? 0 : count) + 1, sizeof *words);
	size_t n = 0;

	for (int i = 0; words && i < count; i++) {
		if (!text_label_fault(found[i]->d_name))
			words[n++] = found[i]->d_name;
	}
	const char *near = words ? text_nearest(name, words) : NULL;
	if (near && strcmp(near, name) != 0)
		err_set(err, ENOENT, "there is no volume '%s'; did you mean '%s'?", name, near);
	else
		err_set(err, ENOENT,
			"there is no volume '%s'; 'berth volume list' shows those that are there, "
			"'berth volume create' makes one",
			name);
	free(words);
	free_names(found, count < 0 ? 0 : count);
	return -err->code;
}

/* A volume without settings: absent, in the making (-ENOENT), or broken (-ENODATA). */
static int tell_rest(const struct dirs *dirs, const char *name, struct err *err)
{
	struct unfinished mark = data_mark(dirs, name);
	scoped_inventory struct inventory inventory = { .dirs = dirs };
	scoped_free char *folder = dirs_state_path(dirs, "volumes/%s", name);
	char volume[VOLUME_NAME_MAX + 1];

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (unfinished_is(&mark))
		return tell_missing(dirs, name, err);
	data_volume(name, volume);
	const char *pool = inventory_find(&inventory, volume);
	if (pool)
		return err_set(err, ENODATA,
			       "volume '%s' has lost its settings, and pool '%s' holds its data: "
			       "bring back '%s/volume.conf', or make it anew: berth volume adopt "
			       "%s; or delete it: berth volume delete --force %s",
			       name, pool, folder, name, name);
	if (access(folder, F_OK) < 0)
		return tell_missing(dirs, name, err);
	return err_set(err, ENODATA,
		       "volume '%s' has lost its settings, and no reachable pool has its data: "
		       "bring back '%s/volume.conf' and its pool, or delete it: berth volume "
		       "delete --force %s",
		       name, folder, name);
}

int data_open(const struct dirs *dirs, const char *name, struct volume_config *config,
	      struct err *err)
{
	struct err loading = { 0 };
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", name, fault);
	int r = load(dirs, name, config, &loading);
	if (r == -ENOENT) {
		struct err rest = { 0 };
		r = tell_rest(dirs, name, &rest);
		/* The volume may have been made since the search. */
		if (load(dirs, name, config, &(struct err){ 0 }) == 0)
			return 0;
		*err = rest;
		return r;
	}
	return r < 0 ? err_set(err, loading.code, "volume '%s': %s", name, loading.text) : 0;
}

int data_has_volume(struct inventory *inventory, const char *name,
		    const struct volume_config *config, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	data_volume(name, volume);
	return inventory_volume(inventory, config->pool, volume, err);
}

int data_list(const struct dirs *dirs,
	      int (*visit)(void *, const char *name, const struct volume_config *config,
			   const struct err *fault),
	      void *context, struct err *err)
{
	struct dirent **found = NULL;
	int count = read_names(dirs, &found);
	int r = 0;

	if (count < 0)
		return err_set(err, -count, "read '%s/volumes': %s", dirs->state, strerror(-count));
	for (int i = 0; r == 0 && i < count; i++) {
		struct volume_config config = { 0 };
		struct err fault = { 0 };
		if (text_label_fault(found[i]->d_name))
			continue;
		int opened = data_open(dirs, found[i]->d_name, &config, &fault);
		if (opened == 0)
			r = visit(context, found[i]->d_name, &config, NULL);
		else if (opened != -ENOENT) /* it is being made, or was just deleted */
			r = visit(context, found[i]->d_name, NULL, &fault);
		if (opened == 0)
			config_free(&volume_schema, &config);
	}
	free_names(found, count);
	return r;
}
