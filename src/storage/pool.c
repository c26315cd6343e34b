/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/pool.h"

#include "base/lock.h"
#include "base/scoped.h"
#include "storage/partial.h"
#include "storage/volume_lock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static int check_pool_name(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "pool name '%.80s' %s", name, fault);
	return 0;
}

int pool_name(struct pool *pool, const struct dirs *dirs, const char *name, struct err *err)
{
	int r = check_pool_name(name, err);

	*pool = (struct pool){ .dirs = dirs, .use_fd = -1 };
	if (r < 0)
		return r;
	pool->name = strdup(name);
	pool->folder = dirs_state_path(dirs, "pools/%s", name);
	if (!pool->name || !pool->folder)
		return err_set(err, ENOMEM, "out of memory");
	return config_defaults(&pool_schema, &pool->config, err);
}

void pool_close(struct pool *pool)
{
	if (pool->ops && pool->driver)
		pool->ops->close(pool);
	volume_locks_close(pool);
	if (pool->name)
		scoped_close_fd(&pool->use_fd);
	config_free(&pool_schema, &pool->config);
	free(pool->name);
	free(pool->folder);
	*pool = (struct pool){ .use_fd = -1 };
}

int pool_lock_use(struct pool *pool, int how, unsigned seconds, struct err *err)
{
	struct stat st;

	pool->use_fd = open(pool->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pool->use_fd < 0 && errno == ENOENT)
		return pool_missing(pool->name, err);
	if (pool->use_fd < 0)
		return err_set(err, errno, "open '%s': %s", pool->folder, strerror(errno));
	int r = lock_wait(pool->use_fd, how, seconds);
	if (r == -EWOULDBLOCK)
		return err_set(err, EBUSY,
			       "pool '%s' is in use by another berth command; try again when it "
			       "ends",
			       pool->name);
	if (r < 0)
		return err_set(err, -r, "lock '%s': %s", pool->folder, strerror(-r));
	/* The process that had the lock may have deleted the pool. */
	if (fstat(pool->use_fd, &st) < 0 || st.st_nlink == 0)
		return pool_missing(pool->name, err);
	return 0;
}

/* A half-made pool counts as missing. A pool without its settings exists, and must not be created anew. */
static int refuse_without(const struct pool *pool, const char *path, struct err *err)
{
	scoped_free char *half = pool_path(pool, "unfinished.conf");

	if (!half || strcmp(half, path) == 0 || access(half, F_OK) == 0)
		return pool_missing(pool->name, err);
	return err_set(err, ENOENT,
		       "pool '%s' has lost its settings: '%s' is missing; if it is on a disk of "
		       "its own, mount that, or bring it back from a backup",
		       pool->name, path);
}

int pool_load(struct pool *pool, const char *file, struct err *err)
{
	scoped_free char *path = pool_path(pool, file);
	struct err read = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	config_free(&pool_schema, &pool->config);
	int r = config_load(&pool_schema, path, &pool->config, &read);
	if (r == -ENOENT)
		return refuse_without(pool, path, err);
	if (r < 0)
		return err_set(err, read.code, "%s", read.text);
	pool->ops = storage_find(pool->config.driver);
	if (!pool->ops)
		return err_set(err, EINVAL, "pool '%s': '%s' names an unknown driver", pool->name,
			       path);
	return 0;
}

int pool_open_held(struct pool *pool, const struct dirs *dirs, const char *name, int how,
		   struct err *err)
{
	int r = pool_name(pool, dirs, name, err);

	if (r == 0)
		r = pool_lock_use(pool, how, POOL_WAIT_SECONDS, err);
	if (r == 0)
		r = pool_load(pool, "pool.conf", err);
	return r;
}

static int attach_only(struct pool *pool, struct err *err)
{
	return pool->ops->open(pool, err) < 0 ? err_wrap(err, "pool '%s'", pool->name) : 0;
}

int pool_attach(struct pool *pool, struct err *err)
{
	int r = attach_only(pool, err);

	return r < 0 ? r : partial_clear(pool, err);
}

int pool_view(struct pool *pool, const struct dirs *dirs, const char *name, struct err *err)
{
	int r = pool_open_held(pool, dirs, name, LOCK_SH, err);

	if (r == 0)
		r = attach_only(pool, err);
	if (r < 0)
		pool_close(pool);
	return r;
}

static int pass_over(void *context, const char *volume)
{
	(void)context, (void)volume;
	return 1;
}

int pool_open_attached(struct pool *pool, const struct dirs *dirs, const char *name,
		       struct err *err)
{
	struct pool_usage usage;
	struct err ignored = { 0 };

	if (pool_open_held(pool, dirs, name, LOCK_SH, err) < 0)
		return -err->code;
	const struct storage_maintenance *maintenance = pool->ops->maintenance;
	bool attached = maintenance ? maintenance->glance(pool, &usage, &ignored) == 0
				    : pool->ops->scan(pool, pass_over, NULL, &ignored) > 0;
	return attached ? 0 : 1;
}

int pool_view_attached(struct pool *pool, const struct dirs *dirs, const char *name,
		       struct err *err)
{
	int r = pool_open_attached(pool, dirs, name, err);

	if (r == 0)
		r = attach_only(pool, err);
	if (r != 0)
		pool_close(pool);
	return r;
}

int pool_open(struct pool *pool, const struct dirs *dirs, const char *name, struct err *err)
{
	int r = pool_open_held(pool, dirs, name, LOCK_SH, err);

	if (r == 0)
		r = pool_attach(pool, err);
	if (r < 0)
		pool_close(pool);
	return r;
}

int pool_detach(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	int r = pool_open_held(&pool, dirs, name, LOCK_EX, err);
	if (r < 0)
		return r;
	return pool.ops->detach(&pool, err) < 0 ? err_wrap(err, "pool '%s'", name) : 0;
}

int pool_set(const struct dirs *dirs, const char *name, const char *key, const char *value,
	     struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (strcmp(key, "quota") == 0)
		return err_set(
			err, EPERM,
			"pool '%s': quota is chosen when a pool is made, since what was written "
			"before is not counted: berth pool create --driver btrfs --set quota=yes",
			name);
	if (pool_open_held(&pool, dirs, name, LOCK_SH, err) < 0)
		return -err->code;
	scoped_free char *path = pool_path(&pool, "pool.conf");
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0)
		return lock;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_edit(&pool_schema, path, key, value, err);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

static int is_pool(const struct dirent *e)
{
	return text_label_fault(e->d_name) == NULL;
}

static int visit_folders(const struct dirs *dirs, bool (*wanted)(const char *folder),
			 int (*visit)(void *, const char *name), void *context, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "pools");
	struct dirent **entries = NULL;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	int n = scandir(folder, &entries, is_pool, alphasort);
	if (n < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "list '%s': %s", folder, strerror(errno));
	int r = 0;
	for (int i = 0; i < n; i++) {
		scoped_free char *path = text_format("%s/%s", folder, entries[i]->d_name);
		if (r == 0 && path && wanted(path))
			r = visit(context, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static bool has_file(const char *folder, const char *name)
{
	scoped_free char *path = text_format("%s/%s", folder, name);

	return path && access(path, F_OK) == 0;
}

static bool has_settings(const char *folder)
{
	return has_file(folder, "pool.conf");
}

/* A pool that another command makes or deletes just now is locked, and a half made one is marked. */
static bool has_lost_settings(const char *folder)
{
	scoped_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0 && !has_settings(folder) &&
	       !has_file(folder, "unfinished.conf");
}

int pool_list(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
	      struct err *err)
{
	return visit_folders(dirs, has_settings, visit, context, err);
}

int pool_list_lost(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
		   struct err *err)
{
	return visit_folders(dirs, has_lost_settings, visit, context, err);
}
