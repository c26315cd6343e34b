/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maintenance of pools whose driver has a catalogue: thin. */
#include "base/scoped.h"
#include "storage/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static int needs_none(const struct pool *pool, struct err *err)
{
	return err_set(
		err, EOPNOTSUPP,
		"pool '%s': driver %s has no catalogue and takes the space that is there; it "
		"needs no maintenance",
		pool->name, pool->ops->name);
}

/*
 * Opens a pool without attaching it or removing unfinished work, so that a pool that takes no changes can be examined.
 */
static int open_kept(struct pool *pool, const struct dirs *dirs, const char *name, int how,
		     struct err *err)
{
	int r = pool_open_held(pool, dirs, name, how, err);

	return r == 0 && !pool->ops->maintenance ? needs_none(pool, err) : r;
}

/* pool.conf is changed too, as by pool_set. */
int pool_grow(const struct dirs *dirs, const char *name, const struct pool_growth *growth,
	      struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open_held(&pool, dirs, name, LOCK_SH, err) < 0)
		return -err->code;
	if (!pool.ops->maintenance && !pool.ops->grow)
		return err_set(
			err, EOPNOTSUPP,
			"pool '%s': driver %s takes the space of the file system that '%s' is "
			"on; enlarge that",
			name, pool.ops->name, pool.config.source);
	/* This comes before the lock, which attaching takes itself. */
	if (!pool.ops->maintenance && pool.ops->open(&pool, err) < 0)
		return err_wrap(err, "pool '%s'", name);
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0 || pool_load(&pool, "pool.conf", err) < 0)
		return -err->code;
	int r = pool.ops->maintenance ? pool.ops->open(&pool, err) : 0;
	if (r == 0)
		r = pool.ops->maintenance ? pool.ops->maintenance->grow(&pool, growth, err)
					  : pool.ops->grow(&pool, growth, err);
	return r < 0 ? err_wrap(err, "pool '%s'", name) : 0;
}

int pool_check(const struct dirs *dirs, const char *name, unsigned flags, struct text *report,
	       struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (open_kept(&pool, dirs, name, LOCK_SH, err) < 0)
		return -err->code;
	if (pool.ops->open(&pool, err) < 0 ||
	    pool.ops->maintenance->check(&pool, flags, report, err) < 0)
		return err_wrap(err, "pool '%s'", name);
	return 0;
}

int pool_trim(const struct dirs *dirs, const char *name, struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open(&pool, dirs, name, err) < 0)
		return -err->code;
	if (!pool.ops->maintenance)
		return needs_none(&pool, err);
	return pool.ops->maintenance->trim(&pool, report, err) < 0
		       ? err_wrap(err, "pool '%s'", name)
		       : 0;
}

int pool_repair(const struct dirs *dirs, const char *name, const struct pool_mending *mending,
		struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (open_kept(&pool, dirs, name, LOCK_EX, err) < 0)
		return -err->code;
	return pool.ops->maintenance->repair(&pool, mending, report, err) < 0
		       ? err_wrap(err, "pool '%s'", name)
		       : 0;
}

int pool_adopt(const struct dirs *dirs, const char *name, uint64_t id, const char *volume,
	       struct err *err)
{
	const char *fault = volume_name_fault(volume);
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", volume, fault);
	if (pool_open(&pool, dirs, name, err) < 0)
		return -err->code;
	if (!pool.ops->maintenance)
		return needs_none(&pool, err);
	return pool.ops->maintenance->adopt(&pool, id, volume, err) < 0
		       ? err_wrap(err, "pool '%s'", name)
		       : 0;
}

int pool_look(struct pool *pool, struct pool_state *state, struct err *err)
{
	if (!pool->ops->maintenance)
		return -EOPNOTSUPP;
	return pool->ops->maintenance->state(pool, state, err) < 0
		       ? err_wrap(err, "pool '%s'", pool->name)
		       : 0;
}

int pool_each_disk(struct pool *pool, int (*visit)(void *, const struct pool_disk *), void *context,
		   struct err *err)
{
	if (!pool->ops->maintenance)
		return 0;
	return pool->ops->maintenance->each_disk(pool, visit, context, err) < 0
		       ? err_wrap(err, "pool '%s'", pool->name)
		       : 0;
}

static uint64_t device_size(const char *path)
{
	struct stat st;
	scoped_fd int fd = stat(path, &st) == 0 && S_ISBLK(st.st_mode)
				   ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
				   : -1;
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	return end > 0 ? (uint64_t)end : 0;
}

uint64_t pool_size(const struct pool_config *config)
{
	uint64_t size = config->size ? config->size : device_size(config->source);
	scoped_free char *further = strdup(config->devices);
	char *rest = further;

	for (char *word; further && (word = strsep(&rest, " "));)
		size += *word ? device_size(word) : 0;
	return size;
}

int pool_glance(const struct dirs *dirs, const char *name, struct pool_usage *usage)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };

	return pool_name(&pool, dirs, name, &ignored) == 0 &&
	       pool_load(&pool, "pool.conf", &ignored) == 0 && pool.ops->maintenance &&
	       pool.ops->maintenance->glance(&pool, usage, &ignored) == 0;
}
