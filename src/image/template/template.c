/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/template/template.h"

#include "base/install.h"
#include "base/remove.h"
#include "base/renaming.h"
#include "base/scoped.h"
#include "storage/inventory.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

void template_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	snprintf(volume, VOLUME_NAME_MAX + 1, "template.%s", name);
}

/* Names in a folder that are not hidden, sorted; an absent folder has none. Freed by free_names. */
static int read_names(const char *folder, struct dirent ***names)
{
	int n = scandir(folder, names, NULL, alphasort);

	if (n < 0 && errno != ENOENT)
		return -errno;
	return n < 0 ? 0 : n;
}

static void free_names(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int load(const struct dirs *dirs, const char *name, struct template_config *config,
		struct err *err)
{
	scoped_free char *path = dirs_state_path(dirs, "templates/%s/template.conf", name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return config_load(&template_schema, path, config, err);
}

struct unfinished template_mark(const struct dirs *dirs, const char *name)
{
	return (struct unfinished){
		.dirs = dirs, .kind = "templates", .name = name, .file = "template.conf"
	};
}

int template_lock(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err)
{
	char lock[VOLUME_NAME_MAX + 1], what[128];

	template_volume(name, lock);
	snprintf(what, sizeof what, "template '%s'", name);
	return dirs_lock(dirs, lock, seconds, what, err);
}

void template_lock_forget(const struct dirs *dirs, const char *name)
{
	char lock[VOLUME_NAME_MAX + 1];

	template_volume(name, lock);
	dirs_lock_forget(dirs, lock);
}

/* The error for a missing template, with a similar name if there is one. */
static int tell_missing(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "templates");
	struct dirent **found = NULL;
	int count = folder ? read_names(folder, &found) : 0;
	const char **words = calloc((size_t)(count < 0 ? 0 : count) + 1, sizeof *words);
	size_t n = 0;

	for (int i = 0; words && i < count; i++) {
		if (!text_label_fault(found[i]->d_name))
			words[n++] = found[i]->d_name;
	}
	const char *near = words ? text_nearest(name, words) : NULL;
	if (near)
		err_set(err, ENOENT, "there is no template '%s'; did you mean '%s'?", name, near);
	else
		err_set(err, ENOENT,
			"there is no template '%s'; 'berth template list' shows those that are "
			"there, 'berth template build' makes one",
			name);
	free(words);
	free_names(found, count < 0 ? 0 : count);
	return -err->code;
}

/* A template without settings: absent, in the making (-ENOENT), or broken (-ENODATA). */
static int tell_rest(const struct dirs *dirs, const char *name, struct err *err)
{
	struct unfinished mark = template_mark(dirs, name);
	scoped_inventory struct inventory inventory = { .dirs = dirs };
	scoped_free char *folder = dirs_state_path(dirs, "templates/%s", name);
	char volume[VOLUME_NAME_MAX + 1];
	struct renaming renaming;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (unfinished_is(&mark))
		return tell_missing(dirs, name, err);
	template_volume(name, volume);
	const char *pool = inventory_find(&inventory, volume);
	/* A root that has not followed to the new name of its template is not this one's. */
	if (pool && renaming_find_from(&renaming, dirs, "templates", name))
		return tell_missing(dirs, name, err);
	if (pool)
		return err_set(err, ENODATA,
			       "template '%s' has lost its settings, and pool '%s' holds its root: "
			       "bring back '%s/template.conf', or make them anew: berth template "
			       "adopt %s; or delete it: berth template delete --force %s",
			       name, pool, folder, name, name);
	if (access(folder, F_OK) < 0)
		return tell_missing(dirs, name, err);
	return err_set(err, ENODATA,
		       "template '%s' has lost its settings, and no reachable pool has its root: "
		       "bring back '%s/template.conf' and its pool, or delete it: berth template "
		       "delete --force %s",
		       name, folder, name);
}

int template_open(const struct dirs *dirs, const char *name, struct template_config *config,
		  struct err *err)
{
	struct err loading = { 0 };
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "template name '%s' %s", name, fault);
	int r = load(dirs, name, config, &loading);
	if (r == -ENOENT) {
		struct err rest = { 0 };
		r = tell_rest(dirs, name, &rest);
		/* The template may have been created since the search. */
		if (load(dirs, name, config, &(struct err){ 0 }) == 0)
			return 0;
		*err = rest;
		return r;
	}
	if (r < 0)
		err_set(err, loading.code, "template '%s': %s", name, loading.text);
	return r;
}

int template_has_volume(struct inventory *inventory, const char *name,
			const struct template_config *config, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct renaming renaming;

	template_volume(name, volume);
	int r = inventory_volume(inventory, config->pool, volume, err);
	/* The root follows last to a new name. */
	if (r != -ENOENT || !renaming_find_to(&renaming, inventory->dirs, "templates", name))
		return r;
	*err = (struct err){ 0 };
	template_volume(renaming.from, volume);
	return inventory_volume(inventory, config->pool, volume, err);
}

int template_list(const struct dirs *dirs,
		  int (*visit)(void *, const char *name, const struct template_config *config,
			       const struct err *fault),
		  void *context, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "templates");
	struct dirent **found = NULL;
	int r = 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	int count = read_names(folder, &found);
	if (count < 0)
		return err_set(err, -count, "read '%s': %s", folder, strerror(-count));
	for (int i = 0; r == 0 && i < count; i++) {
		struct template_config config = { 0 };
		struct err fault = { 0 };
		if (text_label_fault(found[i]->d_name))
			continue;
		int opened = template_open(dirs, found[i]->d_name, &config, &fault);
		if (opened == 0)
			r = visit(context, found[i]->d_name, &config, NULL);
		else if (opened != -ENOENT) /* it is being created, or was just deleted */
			r = visit(context, found[i]->d_name, NULL, &fault);
		if (opened == 0)
			config_free(&template_schema, &config);
	}
	free_names(found, count);
	return r;
}

int template_recipes(int (*visit)(void *, const char *name), void *context, struct err *err)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct dirent **found = NULL;
	int r = 0;

	if (install_recipe("", folder, sizeof folder) < 0)
		return err_set(err, ENAMETOOLONG, "the path of the recipes' folder is too long");
	int count = read_names(folder, &found);
	if (count < 0)
		return err_set(err, -count, "read '%s': %s", folder, strerror(-count));
	for (int i = 0; r == 0 && i < count; i++) {
		struct stat st;
		/* A recipe is a program whose name is a label; lib.sh is not. */
		if (text_label_fault(found[i]->d_name) ||
		    text_print(path, sizeof path, "%s/%s", folder, found[i]->d_name) < 0 ||
		    stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
			continue;
		r = visit(context, found[i]->d_name);
	}
	free_names(found, count);
	return r;
}

struct removal {
	const struct dirs *dirs;
	const char *name;
};

/* Deletes a template with unreadable settings: every volume of its name, in all pools. */
static int remove_in_pool(void *context, const char *pool_name)
{
	const struct removal *removal = context;
	scoped_pool struct pool pool = { .use_fd = -1 };
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };

	template_volume(removal->name, volume);
	if (pool_open(&pool, removal->dirs, pool_name, &ignored) == 0)
		volume_destroy(&pool, volume, &ignored);
	return 0;
}

/* pool: the pool of its settings, open or not. */
static int remove_all(const struct unfinished *mark, bool known, struct pool *pool, struct err *err)
{
	scoped_free char *folder = dirs_state_path(mark->dirs, "templates/%s", mark->name);
	struct removal removal = { mark->dirs, mark->name };
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	const bool half = unfinished_is(mark);
	int r = 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (unfinished_undo(mark, err) < 0)
		return -err->code;
	template_volume(mark->name, volume);
	if (!known)
		r = pool_list(mark->dirs, remove_in_pool, &removal, err);
	else if (pool->ops)
		r = volume_destroy(pool, volume, err);
	/* A volume that still has its name is whole: the template stays as it was. */
	if (r < 0 && known && !half && volume_info(pool, volume, &info, &(struct err){ 0 }) == 0)
		unfinished_finish(mark, &(struct err){ 0 });
	if (r < 0)
		return r;
	r = remove_tree(AT_FDCWD, folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", folder, strerror(-r));
	return unfinished_drop(mark, err);
}

static int lock_root(struct pool *pool, const char *name, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	const char *const volumes[] = { volume, NULL };
	struct err why = { 0 };

	template_volume(name, volume);
	if (volumes_unused(pool, volumes, &why) < 0)
		return err_set(err, why.code, "template '%s' cannot be deleted: %s", name,
			       why.text);
	return volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err);
}

int template_erase(const struct dirs *dirs, const char *name, bool forget, struct err *err)
{
	struct unfinished mark = template_mark(dirs, name);
	scoped_free char *path =
		unfinished_is(&mark) ? unfinished_path(&mark)
				     : dirs_state_path(dirs, "templates/%s/%s", name, mark.file);
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct template_config config = { 0 };
	struct err why = { 0 };
	int r = 0;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	bool known = config_load(&template_schema, path, &config, &(struct err){ 0 }) == 0 &&
		     *config.pool;
	if (known && pool_open(&pool, dirs, config.pool, &why) < 0 && !forget)
		r = err_set(
			err, why.code,
			"template '%s' cannot be deleted with its root: %s; to delete it and leave "
			"what is there: berth template delete --force %s",
			name, why.text, name);
	/* A creation of a machine from it is waited for. */
	if (r == 0 && known && pool.ops)
		r = lock_root(&pool, name, err);
	if (r == 0)
		r = remove_all(&mark, known, &pool, err);
	config_free(&template_schema, &config);
	return r;
}

static void sweep_marked(void *context, const char *name)
{
	const struct dirs *dirs = context;
	struct unfinished mark = template_mark(dirs, name);
	struct err ignored = { 0 };
	scoped_fd int lock = template_lock(dirs, name, 0, &ignored);

	if (lock < 0)
		return;
	int r = unfinished_is(&mark) ? template_erase(dirs, name, false, &ignored)
				     : unfinished_drop(&mark, &ignored);
	if (r == 0)
		template_lock_forget(dirs, name);
}

void template_sweep(const struct dirs *dirs)
{
	/* The callback's context is not const. */
	unfinished_each(dirs, "templates", sweep_marked, (void *)(uintptr_t)dirs);
}

int template_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	struct template_config config = { 0 };
	struct err why = { 0 };
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "template name '%s' %s", name, fault);
	scoped_fd int lock_fd = template_lock(dirs, name, 0, err);
	if (lock_fd < 0)
		return lock_fd;
	struct unfinished mark = template_mark(dirs, name);
	if (unfinished_is(&mark) && template_erase(dirs, name, force, err) < 0)
		return -err->code;
	int r = template_open(dirs, name, &config, &why);
	config_free(&template_schema, &config);
	if (r == -ENOENT)
		template_lock_forget(dirs, name);
	if (r < 0 && (r == -ENOENT || !force))
		return err_set(err, why.code, "%s%s", why.text,
			       r == -ENOENT || r == -ENODATA
				       ? ""
				       : "; it can be deleted as it is with --force");
	r = template_erase(dirs, name, force, err);
	if (r == 0)
		template_lock_forget(dirs, name);
	return r;
}
