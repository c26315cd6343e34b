/* A pool that is on a disk or in a file: known here under another path, or by nobody yet. */
#include "base/scoped.h"
#include "base/text.h"
#include "storage/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

struct search {
	const struct site *site;
	const char *uuid;
	char name[64]; /* of the pool that has it; "": none */
};

/* One whose pool.conf cannot be read is told by whoever names it. */
static int compare(void *context, const char *name)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct search *search = context;
	struct err ignored = { 0 };

	if (pool_name(&pool, search->site, name, &ignored) < 0 ||
	    pool_load(&pool, "pool.conf", &ignored) < 0 ||
	    strcmp(pool.config.uuid, search->uuid) != 0)
		return 0;
	text_print(search->name, sizeof search->name, "%s", name);
	return 1;
}

/* It is known here: only the place is new, or the host. */
static int move(const struct site *site, const char *path, const char *name, bool force,
		struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open_held(&pool, site, name, LOCK_EX, err) < 0)
		return -err->code;
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0)
		return lock;
	if (!pool.ops->upkeep || pool.ops->upkeep->move(&pool, path, force, report, err) < 0)
		return err_wrap(err, "pool '%s'", name);
	text_add(report, "pool '%s' is on '%s'\n", name, path);
	return 0;
}

int pool_import(const struct site *site, const char *path, const char *name, bool force,
		struct text *report, struct err *err)
{
	struct search search = { .site = site };
	char uuid[37] = "";

	if (storage_thin.upkeep->identify(path, uuid, err) < 0)
		return -err->code;
	search.uuid = uuid;
	int found = pool_list(site, compare, &search, err);
	if (found < 0)
		return found;
	if (found == 0)
		return err_set(err, ENOENT, "no pool here has the UUID of the one on '%s' (%s)",
			       path, uuid);
	if (name && strcmp(name, search.name) != 0)
		return err_set(err, EEXIST, "'%s' holds pool '%s', not '%s'", path, search.name,
			       name);
	return move(site, path, search.name, force, report, err);
}
