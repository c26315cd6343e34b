/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/template/template.h"

#include "base/install.h"
#include "base/remove.h"
#include "base/renaming.h"
#include "base/scoped.h"
#include "storage/inventory.h"
#include "storage/object.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

void template_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	snprintf(volume, VOLUME_NAME_MAX + 1, "template.%s", name);
}

static int load(const struct dirs *dirs, const char *name, void *config, struct err *err)
{
	scoped_free char *path = dirs_state_path(dirs, "templates/%s/template.conf", name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return config_load(&template_schema, path, config, err);
}

static int probe(const struct dirs *dirs, const char *name, struct err *err)
{
	struct template_config config = { 0 };
	int r = template_open(dirs, name, &config, err);

	config_free(&template_schema, &config);
	return r;
}

static const struct object_kind templates = {
	.kind = "templates",
	.file = "template.conf",
	.word = "template",
	.maker = "build",
	.holds = "root",
	.anew = "make them anew",
	.order = alphasort,
	.volume = template_volume,
	.load = load,
};

const struct object_care template_care = {
	.kind = &templates,
	.probe = probe,
	.lock = template_lock,
	.lock_forget = template_lock_forget,
	.erase = template_erase,
};

struct unfinished template_mark(const struct dirs *dirs, const char *name)
{
	return object_mark(&templates, dirs, name);
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

int template_open(const struct dirs *dirs, const char *name, struct template_config *config,
		  struct err *err)
{
	return object_open(&templates, dirs, name, config, err);
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
	int count = object_names(folder, alphasort, &found);
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
	object_free_names(found, count);
	return r;
}

int template_recipes(int (*visit)(void *, const char *name), void *context, struct err *err)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct dirent **found = NULL;
	int r = 0;

	if (install_recipe("", folder, sizeof folder) < 0)
		return err_set(err, ENAMETOOLONG, "the path of the recipes' folder is too long");
	int count = object_names(folder, alphasort, &found);
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
	object_free_names(found, count);
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

void template_sweep(const struct dirs *dirs)
{
	object_sweep(&template_care, dirs);
}

int template_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	return object_delete(&template_care, dirs, name, force, 0, NULL, err);
}
