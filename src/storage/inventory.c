/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/inventory.h"

#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/pool.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct pool_inventory {
	char *name;        /* owned */
	struct err fault;  /* why the pool is out of reach; code 0: it is in reach */
	bool told;         /* names lists all volumes of the pool */
	struct text names; /* each with its NUL */
	char **sorted;     /* owned, into names */
	size_t count;
};

static void forget(struct pool_inventory *pool)
{
	text_free(&pool->names);
	free(pool->sorted);
	*pool = (struct pool_inventory){ .name = pool->name };
}

void inventory_free(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->count; i++) {
		forget(&inventory->pools[i]);
		free(inventory->pools[i].name);
	}
	free(inventory->pools);
	*inventory = (struct inventory){ .dirs = inventory->dirs,
					 .attach = inventory->attach,
					 .quick = inventory->quick };
}

static int add_name(void *context, const char *volume)
{
	struct pool_inventory *pool = context;

	if (volume_name_fault(volume))
		return 0;
	pool->count++;
	return text_add_bytes(&pool->names, volume, strlen(volume) + 1);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int sort_names(struct pool_inventory *pool)
{
	pool->sorted = calloc(pool->count + 1, sizeof *pool->sorted);
	if (!pool->sorted)
		return -ENOMEM;
	char *at = pool->names.data;
	for (size_t i = 0; i < pool->count; i++, at += strlen(at) + 1)
		pool->sorted[i] = at;
	qsort(pool->sorted, pool->count, sizeof *pool->sorted, by_name);
	return 0;
}

/* Reads a pool's settings. Without pool.conf the pool's disk is missing, which is no reason to create the pool anew. */
static int open_settings(struct pool *pool, const struct dirs *dirs, const char *name,
			 struct err *err)
{
	struct err why = { 0 };
	int r = pool_name(pool, dirs, name, &why);

	if (r == 0)
		r = pool_load(pool, "pool.conf", &why);
	if (r == -ENOENT)
		return err_set(err, ENODEV,
			       "there is no pool '%s': '%s/pool.conf' is missing; if it is on a "
			       "disk of its own, mount that, or bring it back from a backup",
			       name, pool->folder);
	if (r < 0)
		*err = why;
	return r;
}

static int add_volume(void *context, const struct volume_info *info)
{
	return add_name(context, info->name);
}

/* 1: all names are known; 0: only an attached pool could tell them; else -code. */
static int ask_pool(const struct inventory *inventory, struct pool_inventory *found,
		    struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_pool struct pool viewed = { .use_fd = -1 };

	int r = open_settings(&pool, inventory->dirs, found->name, err);
	if (r < 0)
		return r;
	bool catalog = pool.ops->can & STORAGE_CATALOG;
	if (catalog && inventory->quick)
		return 0;
	/* An attached pool also tells that it is in reach, which a catalogue does not. */
	r = catalog && inventory->attach ? 0 : pool.ops->scan(&pool, add_name, found, err);
	if (r < 0)
		return err_wrap(err, "pool '%s'", found->name);
	if (r > 0 || !inventory->attach)
		return r;
	if (pool_view(&viewed, inventory->dirs, found->name, err) < 0 ||
	    volume_list(&viewed, "", add_volume, found, err) < 0)
		return -err->code;
	return 1;
}

static int look(const struct inventory *inventory, struct pool_inventory *pool)
{
	forget(pool);
	int r = ask_pool(inventory, pool, &pool->fault);
	/* -ENOENT says that a volume is missing, not a pool. */
	if (pool->fault.code == ENOENT)
		pool->fault.code = ENODEV;
	if (pool->names.failed)
		return -ENOMEM;
	pool->told = r > 0;
	return sort_names(pool);
}

/* The pool's entry, which is added if it is new. NULL: out of memory. */
static struct pool_inventory *find_pool(struct inventory *inventory, const char *name)
{
	for (size_t i = 0; i < inventory->count; i++) {
		if (strcmp(inventory->pools[i].name, name) == 0)
			return &inventory->pools[i];
	}
	struct pool_inventory *pools =
		realloc(inventory->pools, (inventory->count + 1) * sizeof *pools);
	if (!pools)
		return NULL;
	inventory->pools = pools;
	struct pool_inventory *pool = &pools[inventory->count];
	*pool = (struct pool_inventory){ .name = strdup(name) };
	if (!pool->name)
		return NULL;
	inventory->count++;
	return look(inventory, pool) < 0 ? NULL : pool;
}

static bool holds(const struct pool_inventory *pool, const char *volume)
{
	return pool->count > 0 &&
	       bsearch(&volume, pool->sorted, pool->count, sizeof *pool->sorted, by_name) != NULL;
}

int inventory_volume(struct inventory *inventory, const char *name, const char *volume,
		     struct err *err)
{
	struct pool_inventory *pool = find_pool(inventory, name);

	/* Another command may have created the volume since the first look. */
	if (pool && !pool->fault.code && pool->told && !holds(pool, volume) &&
	    look(inventory, pool) < 0)
		pool = NULL;
	if (!pool)
		return err_set(err, ENOMEM, "out of memory");
	if (pool->fault.code) {
		*err = pool->fault;
		return -err->code;
	}
	if (!pool->told || holds(pool, volume))
		return 0;
	return err_set(err, ENOENT, "there is no volume '%s' in pool '%s'", volume, name);
}

static int scan_pool(void *context, const char *name)
{
	return find_pool(context, name) ? 0 : -ENOMEM;
}

static int scan_all(struct inventory *inventory, struct err *err)
{
	int r = pool_list(inventory->dirs, scan_pool, inventory, err);

	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

/* A visitor may ask for other pools, which moves the list of pools, or for a missing volume, which reads names anew. */
static int each_of(const struct inventory *inventory, size_t at,
		   int (*visit)(void *, const char *pool, const char *volume), void *context)
{
	char volume[VOLUME_NAME_MAX + 1];
	int r = 0;

	for (size_t i = 0; r == 0 && i < inventory->pools[at].count; i++) {
		snprintf(volume, sizeof volume, "%s", inventory->pools[at].sorted[i]);
		r = visit(context, inventory->pools[at].name, volume);
	}
	return r;
}

int inventory_each(struct inventory *inventory,
		   int (*visit)(void *, const char *pool, const char *volume), void *context,
		   struct err *err)
{
	int r = scan_all(inventory, err);

	for (size_t i = 0; r == 0 && i < inventory->count; i++)
		r = each_of(inventory, i, visit, context);
	return r;
}

int inventory_each_of(struct inventory *inventory, const char *pool,
		      int (*visit)(void *, const char *pool, const char *volume), void *context,
		      struct err *err)
{
	const struct pool_inventory *found = find_pool(inventory, pool);

	return found ? each_of(inventory, (size_t)(found - inventory->pools), visit, context)
		     : err_set(err, ENOMEM, "out of memory");
}

bool inventory_is_told(const struct inventory *inventory, const char *pool)
{
	for (size_t i = 0; i < inventory->count; i++) {
		if (strcmp(inventory->pools[i].name, pool) == 0)
			return inventory->pools[i].told;
	}
	return false;
}

/* The folder of the names that a scan reads; NULL: it reads none. */
static char *place_of(const struct pool *pool)
{
	struct stat st;

	if (pool->ops->can & STORAGE_CATALOG)
		return NULL;
	bool folder =
		!pool->config.size && stat(pool->config.source, &st) == 0 && S_ISDIR(st.st_mode);
	return folder ? strdup(pool->config.source)
		      : dirs_run_path(pool->dirs, "pools/%s", pool->name);
}

struct stamp inventory_stamp(const struct dirs *dirs, const char *pool, time_t now)
{
	scoped_pool struct pool opened = { .use_fd = -1 };
	scoped_free char *settings = dirs_state_path(dirs, "pools/%s/pool.conf", pool);
	const struct stamp unknown = { .value = STAMP_UNKNOWN };

	if (!settings)
		return unknown;
	struct stamp stamp = stamp_look(AT_FDCWD, settings, now);
	if (open_settings(&opened, dirs, pool, &(struct err){ 0 }) < 0)
		return unknown;
	scoped_free char *place = place_of(&opened);
	return place ? stamp_join(stamp, stamp_look(AT_FDCWD, place, now)) : stamp;
}

const char *inventory_find(struct inventory *inventory, const char *volume)
{
	if (scan_all(inventory, &(struct err){ 0 }) < 0)
		return NULL;
	for (size_t i = 0; i < inventory->count; i++) {
		if (holds(&inventory->pools[i], volume))
			return inventory->pools[i].name;
	}
	return NULL;
}

/* The number of pools that hold the volume; *first and *second are the first two in the order of pool_list. */
static unsigned count_holders(const struct inventory *inventory, const char *volume,
			      const char **first, const char **second)
{
	unsigned count = 0;

	for (size_t i = 0; i < inventory->count; i++) {
		if (!holds(&inventory->pools[i], volume))
			continue;
		if (count == 0)
			*first = inventory->pools[i].name;
		else if (count == 1)
			*second = inventory->pools[i].name;
		count++;
	}
	return count;
}

int inventory_holder(struct inventory *inventory, const char *wanted, const char *volume,
		     char **pool, struct err *err)
{
	const char *first = wanted, *second = NULL;

	if (wanted ? inventory_volume(inventory, wanted, volume, err) < 0
		   : scan_all(inventory, err) < 0)
		return -err->code;
	unsigned count = wanted ? 1 : count_holders(inventory, volume, &first, &second);
	if (count == 0)
		return err_set(err, ENOENT,
			       "no reachable pool has a volume '%s'; 'berth pool list' shows the "
			       "pools, 'berth doctor' shows the volumes without an owner",
			       volume);
	if (count > 1)
		return err_set(err, EEXIST,
			       "pool '%s' and pool '%s' hold a volume '%s' each; say which: --pool "
			       "POOL",
			       first, second, volume);
	*pool = strdup(first);
	return *pool ? 0 : err_set(err, ENOMEM, "out of memory");
}
