/* A pool that is on a disk or in a file: known here under another path, or by nobody yet. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/disk.h"
#include "storage/pool.h"
#include "storage/thin/thin_books.h"

#include <errno.h>
#include <fcntl.h>
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
	int r = pool.ops->upkeep ? pool.ops->upkeep->move(&pool, path, force, report, err)
				 : disk_move(&pool, path, err);
	if (r < 0)
		return err_wrap(err, "pool '%s'", name);
	text_add(report, "pool '%s' is on '%s'\n", name, path);
	return 0;
}

/* ---- One that nobody knows here */

struct known {
	struct pool *pool;
	const char *conf; /* where its settings go */
	char name[64];    /* that it had */
	struct err *err;
};

static int take_settings(void *context, const char *kind, const char *name, const char *bytes,
			 size_t length)
{
	struct known *known = context;

	if (strcmp(kind, "pool") != 0)
		return 0;
	if (!text_label_fault(name))
		text_print(known->name, sizeof known->name, "%s", name);
	if (!known->conf)
		return 1;
	if (file_replace(known->conf, bytes, length, 0600, known->err) < 0)
		return -known->err->code;
	return config_load(&pool_schema, known->conf, &known->pool->config, known->err) < 0
		       ? -known->err->code
		       : 1;
}

/* What was true of the other host, such as the places of disks, is not taken over. */
static int fill_config(struct pool *pool, const char *conf, const char *uuid, const char *path,
		       const struct text *kept, struct err *err)
{
	static const char *const ours[] = { "driver",  "uuid",         "source",
					    "devices", "grow.devices", NULL };
	struct known known = { .pool = pool, .conf = conf, .err = err };

	int r = storage_thin.upkeep->each_kept(kept, take_settings, &known);
	if (r < 0 && err->code)
		return -err->code;
	pool->ops = &storage_thin;
	if (text_take(&pool->config.driver, strdup("thin")) < 0 ||
	    text_take(&pool->config.uuid, strdup(uuid)) < 0 ||
	    text_take(&pool->config.source, strdup(path)) < 0 ||
	    text_take(&pool->config.devices, strdup("")) < 0 ||
	    text_take(&pool->config.grow_devices, strdup("")) < 0)
		return err_set(err, ENOMEM, "out of memory");
	/* Comments come along. */
	return access(conf, F_OK) == 0 ? config_record(&pool_schema, conf, &pool->config, ours, err)
				       : config_save(&pool_schema, conf, &pool->config, err);
}

/* Everything is made beside, under a name that no pool has, and becomes the pool at one stroke. */
static int make_aside(struct pool *pool, const char *uuid, const char *path, bool force,
		      const struct text *kept, struct text *report, struct err *err)
{
	scoped_free char *conf = pool_path(pool, "pool.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = remove_tree(AT_FDCWD, pool->folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", pool->folder, strerror(-r));
	if (file_make_dirs(pool->folder, 0700, err) < 0 ||
	    fill_config(pool, conf, uuid, path, kept, err) < 0 ||
	    pool->ops->upkeep->refill(pool, kept, err) < 0 ||
	    pool->ops->upkeep->move(pool, path, force, report, err) < 0)
		return -err->code;
	return 0;
}

static int name_it(struct pool *pool, char *folder, const char *pools, struct err *err)
{
	scoped_free char *aside = pool->folder;

	/* Its handle knows files by where they were. */
	pool->ops->close(pool);
	pool->folder = folder;
	int r = rename(aside, folder) < 0 ? -errno : file_sync_dir(pools);
	return r < 0 ? err_set(err, -r, "rename '%s' to '%s': %s", aside, folder, strerror(-r)) : 0;
}

static int make_known(const struct site *site, const char *path, const char *uuid, const char *name,
		      bool force, const struct text *kept, struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_free char *pools = site_state_path(site, "pools");

	if (pool_name(&pool, site, name, err) < 0)
		return -err->code;
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0)
		return lock;
	if (access(pool.folder, F_OK) == 0)
		return err_set(err, EEXIST,
			       "there is a pool '%s' already; give this one another name: berth "
			       "pool import %s NAME",
			       name, path);
	char *folder = pool.folder;
	pool.folder = text_format("%s/.import.%s", pools ? pools : "", name);
	if (!pool.folder || !pools) {
		free(folder);
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = file_make_dirs(pools, 0711, err);
	if (r == 0)
		r = make_aside(&pool, uuid, path, force, kept, report, err);
	if (r < 0) {
		remove_tree(AT_FDCWD, pool.folder);
		free(folder);
		return err_wrap(err, "pool '%s'", name);
	}
	return name_it(&pool, folder, pools, err);
}

/* A btrfs tells no more than its UUID: only a pool that is known here can be on it. */
static int import_btrfs(struct search *search, const char *path, const char *name, char *called,
			struct text *report, struct err *err)
{
	int found = pool_list(search->site, compare, search, err);

	if (found < 0)
		return found;
	if (found == 0)
		return err_set(
			err, ENOENT,
			"'%s' holds a btrfs (UUID %s) that is no pool's here; one of another "
			"host becomes known by its folder /var/lib/berth/pools/POOL from there",
			path, search->uuid);
	if (name && strcmp(name, search->name) != 0)
		return err_set(err, EEXIST, "'%s' holds pool '%s', not '%s'", path, search->name,
			       name);
	text_print(called, 64, "%s", search->name);
	return move(search->site, path, called, false, report, err) < 0 ? -err->code : 1;
}

int pool_import(const struct site *site, const char *path, const char *name, bool force,
		char *called, struct text *kept, struct text *report, struct err *err)
{
	const struct storage_upkeep *thin = storage_thin.upkeep;
	struct search search = { .site = site };
	struct known known = { .err = err };
	char uuid[37] = "";

	if (disk_identify(path, uuid) == 0) {
		search.uuid = uuid;
		return import_btrfs(&search, path, name, called, report, err);
	}
	if (thin->identify(path, uuid, err) < 0 || (thin->kept(path, kept, err) < 0 && err->code))
		return -err->code;
	search.uuid = uuid;
	int found = pool_list(site, compare, &search, err);
	if (found < 0)
		return found;
	if (found > 0 && name && strcmp(name, search.name) != 0)
		return err_set(err, EEXIST, "'%s' holds pool '%s', not '%s'", path, search.name,
			       name);
	thin->each_kept(kept, take_settings, &known);
	text_print(called, 64, "%s",
		   found > 0     ? search.name
		   : name        ? name
		   : *known.name ? known.name
				 : "default");
	if (found > 0)
		return move(site, path, called, force, report, err);
	if (make_known(site, path, uuid, called, force, kept, report, err) < 0)
		return -err->code;
	text_add(report, "pool '%s' is on '%s'\n", called, path);
	if (!*known.name)
		text_add(report, "there is no copy of its catalogue on it: what it holds has no "
				 "names\n");
	return 0;
}

/* ---- The copy */

int pool_kept_add(struct text *files, const char *name, const void *bytes, size_t length)
{
	return thin_books_add(files, "file", name, bytes, length);
}

struct visitor {
	pool_kept_visit *visit;
	void *context;
};

static int visit_file(void *context, const char *kind, const char *name, const char *bytes,
		      size_t length)
{
	const struct visitor *visitor = context;

	return strcmp(kind, "file") == 0
		       ? visitor->visit(visitor->context, kind, name, bytes, length)
		       : 0;
}

int pool_kept_each(const struct text *kept, pool_kept_visit *visit, void *context)
{
	struct visitor visitor = { visit, context };
	int r = storage_thin.upkeep->each_kept(kept, visit_file, &visitor);

	return r == -EUCLEAN ? 0 : r;
}

int pool_keep(const struct site *site, const char *name, const struct text *files, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct pool_usage usage;
	struct err ignored = { 0 };

	if (pool_open_held(&pool, site, name, LOCK_SH, err) < 0)
		return -err->code;
	/* What is not attached has not changed, and is not attached for this. */
	if (!pool.ops->upkeep || pool.ops->upkeep->glance(&pool, &usage, &ignored) < 0)
		return 1;
	return pool.ops->upkeep->keep(&pool, files, err) < 0 ? err_wrap(err, "pool '%s'", name) : 0;
}

bool pool_kept_stale(void)
{
	return catalog_has_changed;
}
