/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pools come and go whole: what a killed creation or deletion leaves is known by its unfinished.conf. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "storage/pool.h"
#include "storage/volume_lock.h"

#include <string.h>
#include <sys/file.h>

/* Renames the settings in the folder of a pool, durably, in one step: pool.conf, or the name that pool_intend uses. */
static int turn(struct pool *pool, const char *from, const char *to, struct err *err)
{
	scoped_free char *old = pool_path(pool, from);
	scoped_free char *new = pool_path(pool, to);

	if (!old || !new)
		return err_set(err, ENOMEM, "out of memory");
	if (rename(old, new) < 0)
		return err_set(err, errno, "rename '%s' to '%s': %s", old, to, strerror(errno));
	int r = file_sync_dir(pool->folder);
	if (r < 0)
		return err_set(err, -r, "make '%s' durable: %s", new, strerror(-r));
	return 0;
}

static bool has(const struct pool *pool, const char *name)
{
	scoped_free char *path = pool_path(pool, name);

	return path && access(path, F_OK) == 0;
}

/* Our own files only: whatever else stands in the pool's folder may be somebody's data. */
static int remove_folder(struct pool *pool, struct err *err)
{
	scoped_dir DIR *dir = opendir(pool->folder);

	if (!dir)
		return errno == ENOENT ? 0
				       : err_set(err, errno, "open '%s': %s", pool->folder,
						 strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		if (text_starts(e->d_name, "unfinished.conf"))
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (rmdir(pool->folder) == 0)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return err_set(err, ENOTEMPTY,
			       "pool '%s': folder '%s' holds files, but no pool.conf; move them "
			       "away if they are of no use",
			       pool->name, pool->folder);
	return err_set(err, errno, "remove '%s': %s", pool->folder, strerror(errno));
}

static void remove_run(struct pool *pool)
{
	scoped_free char *mounted = dirs_run_path(pool->dirs, "pools/%s", pool->name);
	scoped_free char *partial = dirs_run_path(pool->dirs, "partial/%s", pool->name);

	volume_locks_forget(pool);
	if (mounted)
		rmdir(mounted);
	if (partial)
		remove_tree(AT_FDCWD, partial);
}

/* Removes every trace of a pool that is not there yet, or no longer. */
static int undo(struct pool *pool, struct err *err)
{
	int r = 0;

	if (pool->ops && pool->driver)
		pool->ops->close(pool);
	if (has(pool, "unfinished.conf"))
		r = pool_load(pool, "unfinished.conf", err) < 0 ? -err->code
								: pool->ops->erase(pool, err);
	if (r < 0)
		return r;
	remove_run(pool);
	return remove_folder(pool, err);
}

/* An absolute path, since the next command may stand elsewhere. */
static int set_source(struct pool *pool, const char *source, struct err *err)
{
	scoped_free char *here = source[0] == '/' ? NULL : getcwd(NULL, 0);
	scoped_free char *path = here ? text_format("%s/%s", here, source) : strdup(source);

	if (!path || text_take(&pool->config.source, strdup(path)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

/* "KEY=VALUE", as pool_set would take it. */
static int set_key(struct pool *pool, const char *word, struct err *err)
{
	scoped_free char *name = strdup(word);
	char *equals = name ? strchr(name, '=') : NULL;

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	if (!equals)
		return err_set(err, EINVAL, "'%.100s' has no value: write '%.100s=VALUE'", word,
			       word);
	*equals = '\0';
	const struct key *key = config_find(&pool_schema, name, err);
	if (!key)
		return -err->code;
	if (key->flags & KEY_FIXED)
		return err_set(err, EPERM, "%s is made by berth and cannot be set", key->name);
	return config_set(&pool_schema, &pool->config, key, equals + 1, err);
}

static int fill_config(struct pool *pool, const struct pool_spec *spec, struct err *err)
{
	char reason[256];
	const char *driver = spec->driver;
	scoped_free char *uuid = NULL;

	if (!driver || !*driver)
		driver = pool_default_driver(pool->dirs, reason, sizeof reason);
	pool->ops = storage_find(driver);
	if (!pool->ops)
		return err_set(
			err, EINVAL,
			"pool '%s': there is no driver '%s'; the drivers are thin, btrfs and dir",
			pool->name, driver);
	int r = pool_draw_uuid(&uuid, err);
	if (r < 0)
		return r;
	if (text_take(&pool->config.driver, strdup(driver)) < 0 ||
	    text_take(&pool->config.uuid, strdup(uuid)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; spec->settings && spec->settings[i]; i++) {
		if (set_key(pool, spec->settings[i], err) < 0)
			return -err->code;
	}
	if (pool->config.quota && pool->ops != storage_find("btrfs"))
		return err_set(
			err, EOPNOTSUPP,
			"pool '%s': quota=yes is for driver btrfs; driver thin limits each volume "
			"as it is, and driver dir where its file system has project quotas",
			pool->name);
	pool->config.size = spec->size;
	if (spec->filesystem && text_take(&pool->config.filesystem, strdup(spec->filesystem)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return spec->source && *spec->source ? set_source(pool, spec->source, err) : 0;
}

/* Clears away what a killed creation or deletion left, once nobody works on it any more. */
static int clear_unfinished(struct pool *pool, struct err *err)
{
	struct err gone = { 0 };

	if (access(pool->folder, F_OK) < 0)
		return 0;
	int r = pool_lock_use(pool, LOCK_EX, POOL_WAIT_SECONDS, &gone);
	if (r < 0 && r != -ENOENT)
		return err_set(err, gone.code, "%s", gone.text);
	r = undo(pool, err);
	scoped_close_fd(&pool->use_fd);
	return r;
}

static int make_pool(struct pool *pool, const struct pool_spec *spec, struct err *err)
{
	scoped_free char *pools = dirs_state_path(pool->dirs, "pools");

	if (!pools)
		return err_set(err, ENOMEM, "out of memory");
	/* Others have to pass through the folders above, such as dnsmasq to its own. */
	if (fill_config(pool, spec, err) < 0 || file_make_dirs(pools, 0711, err) < 0 ||
	    file_make_dirs(pool->folder, 0700, err) < 0 ||
	    pool_lock_use(pool, LOCK_EX, POOL_WAIT_SECONDS, err) < 0)
		return -err->code;
	pool->spec = spec;
	int r = pool->ops->format(pool, err);
	pool->spec = NULL;
	if (r < 0)
		return err_wrap(err, "pool '%s'", pool->name);
	return turn(pool, "unfinished.conf", "pool.conf", err);
}

int pool_create(const struct dirs *dirs, const char *name, const struct pool_spec *spec,
		struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };

	int r = pool_name(&pool, dirs, name, err);
	if (r < 0)
		return r;
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0)
		return lock;
	if (has(&pool, "pool.conf"))
		return err_set(
			err, EEXIST,
			"there is a pool '%s' already; choose another name, or delete that pool",
			name);
	r = clear_unfinished(&pool, err);
	if (r < 0)
		return r;
	r = make_pool(&pool, spec, err);
	if (r < 0)
		undo(&pool, &ignored);
	else
		pool_keep_reserve(&pool, &ignored);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

struct tally {
	unsigned count;
	char first[VOLUME_NAME_MAX + 1];
	struct text names;
};

static int count_volume(void *context, const struct volume_info *info)
{
	struct tally *tally = context;

	if (tally->count++ == 0)
		text_print(tally->first, sizeof tally->first, "%s", info->name);
	return text_add_bytes(&tally->names, info->name, strlen(info->name) + 1);
}

static int destroy_volumes(struct pool *pool, const struct tally *tally, struct err *err)
{
	static const char *const all[] = { "", NULL };
	const struct text *names = &tally->names;
	struct err why = { 0 };

	if (tally->count > 0 && volumes_unused(pool, all, &why) < 0)
		return err_set(err, why.code, "pool '%s' cannot be deleted: %s", pool->name,
			       why.text);
	for (size_t at = 0; at < names->length; at += strlen(names->data + at) + 1) {
		int r = volume_destroy(pool, names->data + at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int empty_pool(struct pool *pool, bool force, struct err *err)
{
	struct tally tally = { 0 };

	int r = volume_list(pool, "", count_volume, &tally, err);
	if (r == 0 && tally.count > 0 && !force)
		r = err_set(err, ENOTEMPTY,
			    "pool '%s' holds %u volume%s, such as '%s'; delete %s first, or use "
			    "--force",
			    pool->name, tally.count, tally.count == 1 ? "" : "s", tally.first,
			    tally.count == 1 ? "it" : "them");
	if (r == 0)
		r = destroy_volumes(pool, &tally, err);
	text_free(&tally.names);
	return r;
}

/* A pool whose disk is gone can only be forgotten, and only if that is what the user wants. */
static int empty_or_forget(struct pool *pool, bool force, struct err *err)
{
	struct err gone = { 0 };

	if (pool_attach(pool, &gone) == 0)
		return empty_pool(pool, force, err);
	return force ? 0 : err_set(err, gone.code, "%s", gone.text);
}

static int delete_held(struct pool *pool, bool force, struct err *err)
{
	if (!has(pool, "pool.conf")) {
		bool unfinished = has(pool, "unfinished.conf");
		int r = undo(pool, err);
		return r < 0 || unfinished ? r : pool_missing(pool->name, err);
	}
	if (pool_load(pool, "pool.conf", err) < 0 || empty_or_forget(pool, force, err) < 0 ||
	    turn(pool, "pool.conf", "unfinished.conf", err) < 0)
		return -err->code;
	return undo(pool, err);
}

/* Taken first: a waiter notices then that the file has lost its name. */
static void forget_lock(const struct pool *pool)
{
	scoped_fd int lock = pool_lock(pool, &(struct err){ 0 });
	scoped_free char *name = text_format("pool.%s", pool->name);

	if (lock >= 0 && name)
		dirs_lock_forget(pool->dirs, name);
}

int pool_delete(const struct dirs *dirs, const char *name, bool force,
		int (*check)(const struct dirs *, const char *name, struct err *), struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	int r = pool_name(&pool, dirs, name, err);
	if (r == 0)
		r = pool_lock_use(&pool, LOCK_EX, POOL_WAIT_SECONDS / 6, err);
	if (r == 0 && check)
		r = check(dirs, name, err);
	if (r == 0)
		r = delete_held(&pool, force, err);
	if (r == 0)
		forget_lock(&pool);
	return r;
}
