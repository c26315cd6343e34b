/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/survey.h"

#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/pool.h"

#include <string.h>

struct surveyed {
	char *name;        /* owned */
	struct err fault;  /* why it is out of reach; no code: it is not */
	bool told;         /* names are all that it holds */
	struct text names; /* each with its NUL */
	char **sorted;     /* owned, into names */
	size_t count;
};

static void forget(struct surveyed *pool)
{
	text_free(&pool->names);
	free(pool->sorted);
	*pool = (struct surveyed){ .name = pool->name };
}

void survey_free(struct survey *survey)
{
	for (size_t i = 0; i < survey->count; i++) {
		forget(&survey->pools[i]);
		free(survey->pools[i].name);
	}
	free(survey->pools);
	*survey = (struct survey){ .dirs = survey->dirs, .attach = survey->attach };
}

static int add_name(void *context, const char *volume)
{
	struct surveyed *pool = context;

	if (volume_name_fault(volume))
		return 0;
	pool->count++;
	return text_add_bytes(&pool->names, volume, strlen(volume) + 1);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int sort_names(struct surveyed *pool)
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

/* One that has vanished is no pool to be made again: what it holds is on a disk that is not there. */
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

/* 1: all names are told; 0: they cannot be; else -code. */
static int ask_pool(const struct survey *survey, struct surveyed *surveyed, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_pool struct pool viewed = { .use_fd = -1 };

	int r = open_settings(&pool, survey->dirs, surveyed->name, err);
	if (r < 0)
		return r;
	r = pool.ops->survey ? pool.ops->survey(&pool, add_name, surveyed, err) : 0;
	if (r < 0)
		return err_wrap(err, "pool '%s'", surveyed->name);
	if (r > 0 || !survey->attach)
		return r;
	if (pool_view(&viewed, survey->dirs, surveyed->name, err) < 0 ||
	    volume_list(&viewed, "", add_volume, surveyed, err) < 0)
		return -err->code;
	return 1;
}

static int look(const struct survey *survey, struct surveyed *pool)
{
	forget(pool);
	int r = ask_pool(survey, pool, &pool->fault);
	/* -ENOENT says that a volume is missing, not a pool. */
	if (pool->fault.code == ENOENT)
		pool->fault.code = ENODEV;
	if (pool->names.failed)
		return -ENOMEM;
	pool->told = r > 0;
	return sort_names(pool);
}

/* NULL: out of memory. */
static struct surveyed *find_pool(struct survey *survey, const char *name)
{
	for (size_t i = 0; i < survey->count; i++) {
		if (strcmp(survey->pools[i].name, name) == 0)
			return &survey->pools[i];
	}
	struct surveyed *pools = realloc(survey->pools, (survey->count + 1) * sizeof *pools);
	if (!pools)
		return NULL;
	survey->pools = pools;
	struct surveyed *pool = &pools[survey->count];
	*pool = (struct surveyed){ .name = strdup(name) };
	if (!pool->name)
		return NULL;
	survey->count++;
	return look(survey, pool) < 0 ? NULL : pool;
}

static bool holds(const struct surveyed *pool, const char *volume)
{
	return pool->count > 0 &&
	       bsearch(&volume, pool->sorted, pool->count, sizeof *pool->sorted, by_name) != NULL;
}

int survey_volume(struct survey *survey, const char *name, const char *volume, struct err *err)
{
	struct surveyed *pool = find_pool(survey, name);

	/* It may have been made since: look again before it is said to be missing. */
	if (pool && !pool->fault.code && pool->told && !holds(pool, volume) &&
	    look(survey, pool) < 0)
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

static int survey_pool(void *context, const char *name)
{
	return find_pool(context, name) ? 0 : -ENOMEM;
}

static int survey_all(struct survey *survey, struct err *err)
{
	int r = pool_list(survey->dirs, survey_pool, survey, err);

	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

int survey_each(struct survey *survey, int (*visit)(void *, const char *pool, const char *volume),
		void *context, struct err *err)
{
	int r = survey_all(survey, err);

	for (size_t i = 0; r == 0 && i < survey->count; i++) {
		const struct surveyed *pool = &survey->pools[i];
		for (size_t n = 0; r == 0 && n < pool->count; n++)
			r = visit(context, pool->name, pool->sorted[n]);
	}
	return r;
}

const char *survey_find(struct survey *survey, const char *volume)
{
	if (survey_all(survey, &(struct err){ 0 }) < 0)
		return NULL;
	for (size_t i = 0; i < survey->count; i++) {
		if (holds(&survey->pools[i], volume))
			return survey->pools[i].name;
	}
	return NULL;
}

/* How many of those looked at hold it; *first and *second by the order of pool_list. */
static unsigned count_holders(const struct survey *survey, const char *volume, const char **first,
			      const char **second)
{
	unsigned count = 0;

	for (size_t i = 0; i < survey->count; i++) {
		if (!holds(&survey->pools[i], volume))
			continue;
		if (count == 0)
			*first = survey->pools[i].name;
		else if (count == 1)
			*second = survey->pools[i].name;
		count++;
	}
	return count;
}

int survey_holder(struct survey *survey, const char *wanted, const char *volume, char **pool,
		  struct err *err)
{
	const char *first = wanted, *second = NULL;

	if (wanted ? survey_volume(survey, wanted, volume, err) < 0 : survey_all(survey, err) < 0)
		return -err->code;
	unsigned count = wanted ? 1 : count_holders(survey, volume, &first, &second);
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
