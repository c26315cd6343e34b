/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/template/template_cache.h"

#include "base/scoped.h"
#include "image/template/template.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct cached {
	char name[64];
	uint64_t used;
};

struct gathering {
	const struct dirs *dirs;
	struct cached *list; /* owned */
	size_t count;
};

static char *settings_path(const struct dirs *dirs, const char *name)
{
	return dirs_state_path(dirs, "templates/%s/template.conf", name);
}

uint64_t template_cache_used(const struct dirs *dirs, const char *name)
{
	scoped_free char *path = settings_path(dirs, name);
	struct stat st;

	return path && stat(path, &st) == 0 ? (uint64_t)st.st_mtime : 0;
}

bool template_cache_use(const struct dirs *dirs, const char *name)
{
	scoped_free char *path = settings_path(dirs, name);
	struct template_config config = { 0 };

	if (!path || template_open(dirs, name, &config, &(struct err){ 0 }) < 0)
		return false;
	bool cached = config.cached;
	config_free(&template_schema, &config);
	if (cached)
		utimensat(AT_FDCWD, path, NULL, 0);
	return cached;
}

static int gather(void *context, const char *name, const struct template_config *config,
		  const struct err *fault)
{
	struct gathering *all = context;

	(void)fault;
	if (!config || !config->cached)
		return 0;
	struct cached *more = realloc(all->list, (all->count + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	all->list = more;
	struct cached *one = &more[all->count++];
	snprintf(one->name, sizeof one->name, "%s", name);
	one->used = template_cache_used(all->dirs, name);
	return 0;
}

static int by_use(const void *one, const void *other)
{
	uint64_t a = ((const struct cached *)one)->used, b = ((const struct cached *)other)->used;

	return a < b ? 1 : a > b ? -1 : 0;
}

int template_cache_prune(const struct dirs *dirs, size_t keep, uint64_t seconds, size_t *removed,
			 struct err *err)
{
	struct gathering all = { .dirs = dirs };
	uint64_t now = (uint64_t)time(NULL);

	*removed = 0;
	int r = template_list(dirs, gather, &all, err);
	scoped_free struct cached *list = all.list;
	if (r < 0)
		return err->code ? -err->code : err_set(err, -r, "out of memory");
	if (all.count)
		qsort(list, all.count, sizeof *list, by_use);
	for (size_t i = 0; i < all.count; i++) {
		struct err why = { 0 };
		if (i < keep && list[i].used + seconds > now)
			continue;
		r = template_delete(dirs, list[i].name, false, &why);
		*removed += r == 0;
		if (r < 0 && r != -EBUSY && r != -ENOENT && !err->code)
			*err = why;
	}
	return -err->code;
}
