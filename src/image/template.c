#include "image/template.h"

#include "base/install.h"
#include "base/remove.h"
#include "base/scoped.h"

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

static int load(const struct site *site, const char *name, struct template_config *config,
		struct err *err)
{
	scoped_free char *path = site_state_path(site, "templates/%s/template.conf", name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return config_load(&template_schema, path, config, err);
}

/* There is no such template: is one of nearly that name? */
static int tell_missing(const struct site *site, const char *name, struct err *err)
{
	scoped_free char *folder = site_state_path(site, "templates");
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

int template_open(const struct site *site, const char *name, struct template_config *config,
		  struct err *err)
{
	struct err loading = { 0 };
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "template name '%s' %s", name, fault);
	int r = load(site, name, config, &loading);
	if (r == -ENOENT)
		return tell_missing(site, name, err);
	if (r < 0)
		*err = loading;
	return r;
}

int template_list(const struct site *site,
		  int (*visit)(void *, const char *name, const struct template_config *),
		  void *context, struct err *err)
{
	scoped_free char *folder = site_state_path(site, "templates");
	struct dirent **found = NULL;
	int r = 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	int count = read_names(folder, &found);
	if (count < 0)
		return err_set(err, -count, "read '%s': %s", folder, strerror(-count));
	for (int i = 0; r == 0 && i < count; i++) {
		struct template_config config = { 0 };
		struct err loading = { 0 };
		if (text_label_fault(found[i]->d_name))
			continue;
		r = load(site, found[i]->d_name, &config, &loading);
		if (r == 0)
			r = visit(context, found[i]->d_name, &config);
		else if (r == -ENOENT)
			r = 0; /* on its way, or just gone */
		else
			*err = loading;
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
		return err_set(err, ENAMETOOLONG, "the recipes' folder has too long a name");
	int count = read_names(folder, &found);
	if (count < 0)
		return err_set(err, -count, "read '%s': %s", folder, strerror(-count));
	for (int i = 0; r == 0 && i < count; i++) {
		struct stat st;
		/* A recipe is a program whose name is a label, which lib.sh is not. */
		if (text_label_fault(found[i]->d_name) ||
		    text_print(path, sizeof path, "%s/%s", folder, found[i]->d_name) < 0 ||
		    stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
			continue;
		r = visit(context, found[i]->d_name);
	}
	free_names(found, count);
	return r;
}

/* The settings first: without them the volume is a leftover, which the next command clears away. */
static int remove_all(const struct site *site, const char *name, struct pool *pool, struct err *err)
{
	scoped_free char *folder = site_state_path(site, "templates/%s", name);
	scoped_free char *path = site_state_path(site, "templates/%s/template.conf", name);
	char volume[VOLUME_NAME_MAX + 1];

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	template_volume(name, volume);
	/* Whoever makes a machine of it comes to his end first. */
	if (volume_hold(pool, volume, VOLUME_CHANGE, err) < 0)
		return -err->code;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", path, strerror(errno));
	int r = remove_tree(AT_FDCWD, folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", folder, strerror(-r));
	return volume_destroy(pool, volume, err);
}

int template_delete(const struct site *site, const char *name, struct err *err)
{
	struct template_config config = { 0 };
	struct pool pool = { 0 };
	char lock[VOLUME_NAME_MAX + 1], what[128];
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "template name '%s' %s", name, fault);
	template_volume(name, lock);
	snprintf(what, sizeof what, "template '%s'", name);
	scoped_fd int lock_fd = site_lock(site, lock, 0, what, err);
	if (lock_fd < 0)
		return lock_fd;
	int r = template_open(site, name, &config, err);
	if (r == 0)
		r = pool_open(&pool, site, config.pool, err);
	if (r == 0) {
		r = remove_all(site, name, &pool, err);
		pool_close(&pool);
	}
	config_free(&template_schema, &config);
	return r;
}
