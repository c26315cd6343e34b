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

int template_rename_finish(const struct dirs *dirs, const struct renaming *renaming,
			   struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct template_config config = { 0 };

	if (template_open(dirs, renaming->to, &config, err) < 0)
		return -err->code;
	/* Settings of machines come last: they may only name a template that is whole. */
	int r = pool_open(&pool, dirs, config.pool, err);
	if (r == 0)
		r = object_rename_volume(template_care.kind, &pool, renaming, err);
	config_free(&template_schema, &config);
	if (r < 0 || follow_template(dirs, renaming->from, renaming->to, err) < 0)
		return -err->code;
	fault_point("rename-followed");
	if (follow_origin(dirs, "template", renaming->from, renaming->to, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	return renaming_end(renaming, dirs, err);
}

static int check_stray(struct pool *pool, const char *to, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	template_volume(to, volume);
	return volume_info(pool, volume, &info, &(struct err){ 0 }) == 0
		       ? err_set(err, EEXIST,
				 "pool '%s' holds a volume '%s' already, of a template that has "
				 "lost "
				 "its settings: make it a template again: berth template adopt %s",
				 pool->name, volume, to)
		       : 0;
}

static int check(const struct dirs *dirs, const char *from, const char *to, struct pool *pool,
		 struct err *err)
{
	struct template_config config = { 0 };

	if (template_open(dirs, from, &config, err) < 0)
		return -err->code;
	int r = config.cached ? err_set(err, EINVAL,
					"template '%s' is a step of a build, which is found by its "
					"name",
					from)
			      : pool_open(pool, dirs, config.pool, err);
	config_free(&template_schema, &config);
	return r < 0 ? r : check_stray(pool, to, err);
}

int template_rename(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	const struct object_rename rename = {
		.care = &template_care,
		.check = check,
		.finish = template_rename_finish,
	};

	return object_rename(&rename, dirs, from, to, LOCK_SECONDS, err);
}
