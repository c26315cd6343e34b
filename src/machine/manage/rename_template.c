/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A template gets another name, by the same steps as a machine: folder, then the rest. */
#include "machine/manage/rename.h"

#include "machine/manage/follow_name.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/renaming.h"
#include "base/scoped.h"
#include "image/template/template.h"

#include <string.h>

static int rename_volume(const struct dirs *dirs, const struct renaming *renaming,
			 const char *pool_name, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char from[VOLUME_NAME_MAX + 1], to[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	template_volume(renaming->from, from);
	template_volume(renaming->to, to);
	if (pool_open(&pool, dirs, pool_name, err) < 0)
		return -err->code;
	if (volume_info(&pool, from, &info, &(struct err){ 0 }) == -ENOENT)
		return 0;
	int r = volume_rename(&pool, from, to, err);
	fault_point("rename-volume");
	return r;
}

int template_rename_finish(const struct dirs *dirs, const struct renaming *renaming,
			   struct err *err)
{
	struct template_config config = { 0 };

	if (template_open(dirs, renaming->to, &config, err) < 0)
		return -err->code;
	/* Settings of machines come last: they may only name a template that is whole. */
	int r = rename_volume(dirs, renaming, config.pool, err);
	config_free(&template_schema, &config);
	if (r < 0 || follow_template(dirs, renaming->from, renaming->to, err) < 0)
		return -err->code;
	fault_point("rename-followed");
	if (follow_origin(dirs, "template", renaming->from, renaming->to, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	return renaming_end(renaming, dirs, err);
}

/* Refuses a name that is in use, by a template or by what is left of one; the caller has its lock. */
static int check_free(const struct dirs *dirs, const char *to, struct err *err)
{
	struct unfinished mark = template_mark(dirs, to);
	struct template_config config = { 0 };
	struct err why = { 0 };

	if (unfinished_is(&mark) && template_erase(dirs, to, false, err) < 0)
		return -err->code;
	int r = template_open(dirs, to, &config, &why);
	config_free(&template_schema, &config);
	if (r == -ENOENT)
		return 0;
	return err_set(err, EEXIST,
		       "template '%s' exists already; choose another name or delete it", to);
}

/* The volume is there, nobody copies it, and none has the new name. The lock lasts until the pool is closed. */
static int check_volume(const struct dirs *dirs, const char *from, const char *to,
			const struct template_config *config, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (config->cached)
		return err_set(err, EINVAL,
			       "template '%s' is a step of a build, which is found by its name",
			       from);
	template_volume(to, volume);
	if (pool_open(pool, dirs, config->pool, err) < 0)
		return -err->code;
	if (volume_info(pool, volume, &info, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST,
			       "pool '%s' holds a volume '%s' already, of a template that has lost "
			       "its settings: make it a template again: berth template adopt %s",
			       pool->name, volume, to);
	template_volume(from, volume);
	return volume_info(pool, volume, &info, err) < 0 ||
			       volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0
		       ? -err->code
		       : 0;
}

static int change(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct template_config config = { 0 };
	struct renaming renaming;

	if (check_free(dirs, to, err) < 0 || template_open(dirs, from, &config, err) < 0)
		return -err->code;
	int r = check_volume(dirs, from, to, &config, &pool, err);
	config_free(&template_schema, &config);
	if (r < 0 || renaming_begin(&renaming, dirs, "templates", from, to, err) < 0 ||
	    renaming_commit(&renaming, dirs, err) < 0)
		return -err->code;
	if (template_rename_finish(dirs, &renaming, err) < 0)
		return err_wrap(err,
				"template '%s' is '%s' from now on, but not all of its parts have "
				"followed, which the next command tries again",
				from, to);
	return 0;
}

int template_rename(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	const char *fault = text_label_fault(to);
	bool swap = strcmp(to, from) < 0;

	if (fault)
		return err_set(err, EINVAL, "template name '%.80s' %s", to, fault);
	if (strcmp(from, to) == 0)
		return err_set(err, EEXIST, "template '%s' has this name already", to);
	/* In the order of the names, as everywhere. */
	scoped_fd int first = template_lock(dirs, swap ? to : from, LOCK_SECONDS, err);
	scoped_fd int second =
		first < 0 ? -1 : template_lock(dirs, swap ? from : to, LOCK_SECONDS, err);
	return first < 0 || second < 0 ? -err->code : change(dirs, from, to, err);
}
