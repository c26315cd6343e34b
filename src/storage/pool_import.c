/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pool that is on a disk or in a file: known here under another path, or by nobody yet. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/backup.h"
#include "storage/disk.h"
#include "storage/folder.h"
#include "storage/pool.h"
#include "storage/subvol.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct search {
	const struct dirs *dirs;
	const char *uuid;
	char name[64]; /* of the pool that has it; "": none */
};

/* A pool with an unreadable pool.conf is reported when a command names it. */
static int compare(void *context, const char *name)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct search *search = context;
	struct err ignored = { 0 };

	if (pool_name(&pool, search->dirs, name, &ignored) < 0 ||
	    pool_load(&pool, "pool.conf", &ignored) < 0 ||
	    strcmp(pool.config.uuid, search->uuid) != 0)
		return 0;
	text_print(search->name, sizeof search->name, "%s", name);
	return 1;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The pool is known here: only the place is new, or the host. */
static int move(const struct dirs *dirs, const char *path, const char *name, bool force,
		struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (pool_open_held(&pool, dirs, name, LOCK_EX, err) < 0)
		return -err->code;
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0)
		return lock;
	int r = pool.ops->maintenance ? pool.ops->maintenance->move(&pool, path, force, report, err)
		: is_folder(path)     ? folder_move(&pool, path, err)
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
	config_free(&pool_schema, &known->pool->config);
	return config_load(&pool_schema, known->conf, &known->pool->config, known->err) < 0
		       ? -known->err->code
		       : 1;
}

/* A pool that is somewhere, and that nobody knows here. */
struct found {
	const char *path, *uuid;
	const struct storage_ops *ops;
	const struct text *kept; /* its copy of settings and catalogue */
	bool force;
};

/* Values of the other host, such as paths of disks, are not taken over. */
static int fill_config(struct pool *pool, const char *conf, const struct found *found,
		       struct err *err)
{
	static const char *const ours[] = { "driver",  "uuid",         "source", "size",
					    "devices", "grow.devices", NULL };
	struct known known = { .pool = pool, .conf = conf, .err = err };

	int r = backup_each(found->kept, take_settings, &known);
	if (r < 0 && err->code)
		return -err->code;
	pool->ops = found->ops;
	if (text_take(&pool->config.driver, strdup(found->ops->name)) < 0 ||
	    text_take(&pool->config.uuid, strdup(found->uuid)) < 0 ||
	    text_take(&pool->config.source, strdup(found->path)) < 0 ||
	    text_take(&pool->config.devices, strdup("")) < 0 ||
	    text_take(&pool->config.grow_devices, strdup("")) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!pool->ops->maintenance && is_folder(found->path))
		pool->config.size = 0;
	else if (!pool->ops->maintenance && disk_set_source(pool, found->path, err) < 0)
		return -err->code;
	/* Comments come along. */
	return access(conf, F_OK) == 0 ? config_record(&pool_schema, conf, &pool->config, ours, err)
				       : config_save(&pool_schema, conf, &pool->config, err);
}

/* A driver without a catalogue has all that it needs by its settings, and shows that it can be attached. */
static int attach_found(struct pool *pool, const struct found *found, struct text *report,
			struct err *err)
{
	const struct storage_maintenance *maintenance = pool->ops->maintenance;

	if (!maintenance)
		return is_folder(found->path) ? folder_take(pool, found->path, err)
					      : disk_open_locked(pool, err);
	if (maintenance->catalog_restore(pool, found->kept, err) < 0 ||
	    maintenance->move(pool, found->path, found->force, report, err) < 0)
		return -err->code;
	return 0;
}

/* Everything is made beside, under a name that no pool has, and becomes the pool at one stroke. */
static int make_aside(struct pool *pool, const struct found *found, struct text *report,
		      struct err *err)
{
	scoped_free char *conf = pool_path(pool, "pool.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = remove_tree(AT_FDCWD, pool->folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", pool->folder, strerror(-r));
	if (file_make_dirs(pool->folder, 0700, err) < 0 ||
	    fill_config(pool, conf, found, err) < 0 || attach_found(pool, found, report, err) < 0)
		return -err->code;
	return 0;
}

static int name_it(struct pool *pool, char *folder, const char *pools, struct err *err)
{
	scoped_free char *aside = pool->folder;

	/* The driver opens the files again, at their new place. */
	pool->ops->close(pool);
	pool->folder = folder;
	int r = rename(aside, folder) < 0 ? -errno : file_sync_dir(pools);
	return r < 0 ? err_set(err, -r, "rename '%s' to '%s': %s", aside, folder, strerror(-r)) : 0;
}

static int make_known(const struct dirs *dirs, const char *name, const struct found *found,
		      struct text *report, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_free char *pools = dirs_state_path(dirs, "pools");

	if (pool_name(&pool, dirs, name, err) < 0)
		return -err->code;
	scoped_fd int lock = pool_lock(&pool, err);
	if (lock < 0)
		return lock;
	if (access(pool.folder, F_OK) == 0)
		return err_set(err, EEXIST,
			       "there is a pool '%s' already; give this one another name: berth "
			       "pool import %s NAME",
			       name, found->path);
	char *folder = pool.folder;
	pool.folder = text_format("%s/.import.%s", pools ? pools : "", name);
	if (!pool.folder || !pools) {
		free(folder);
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = file_make_dirs(pools, 0711, err);
	if (r == 0)
		r = make_aside(&pool, found, report, err);
	if (r < 0) {
		remove_tree(AT_FDCWD, pool.folder);
		free(folder);
		return err_wrap(err, "pool '%s'", name);
	}
	pool_backup_mark_stale();
	return name_it(&pool, folder, pools, err);
}

/* "default" if nobody says how it is called. */
static void call_it(const char *name, const struct text *kept, char called[64])
{
	struct known known = { 0 };

	backup_each(kept, take_settings, &known);
	text_print(called, 64, "%s", name ? name : *known.name ? known.name : "default");
}

/* 1: it is a pool's that is known here; 0: nobody's. */
static int find_known(struct search *search, const char *path, const char *name, struct err *err)
{
	int r = pool_list(search->dirs, compare, search, err);

	if (r > 0 && name && strcmp(name, search->name) != 0)
		return err_set(err, EEXIST, "'%s' holds pool '%s', not '%s'", path, search->name,
			       name);
	return r;
}

static int refuse_btrfs(const char *path, const char *uuid, struct err *err)
{
	return err_set(
		err, ENOENT,
		"'%s' has a btrfs (UUID %s) of no pool that is known here, and without a copy of a "
		"pool's settings; one of another host without such a copy becomes known by "
		"its folder /var/lib/berth/pools/POOL from there",
		path, uuid);
}

static int import_btrfs(struct search *search, const char *path, const char *name, char *called,
			struct text *kept, struct text *report, struct err *err)
{
	struct found found = {
		.path = path, .uuid = search->uuid, .ops = &storage_btrfs, .kept = kept
	};

	int r = find_known(search, path, name, err);
	if (r < 0)
		return r;
	if (r > 0) {
		text_print(called, 64, "%s", search->name);
		r = move(search->dirs, path, called, false, report, err);
		return r < 0 ? r : POOL_IMPORT_MOVED;
	}
	r = disk_backup_read(path, search->uuid, kept, err);
	if (r == -ENOENT && !err->code)
		return refuse_btrfs(path, search->uuid, err);
	if (r < 0)
		return -err->code;
	call_it(name, kept, called);
	if (make_known(search->dirs, called, &found, report, err) < 0)
		return -err->code;
	text_add(report, "pool '%s' is on '%s'\n", called, path);
	return POOL_IMPORT_TAKE;
}

static int take_driver(void *context, const char *kind, const char *name, const char *bytes,
		       size_t length)
{
	const struct storage_ops **ops = context;
	struct pool_config config;
	struct err ignored = { 0 };

	if (strcmp(kind, "pool") != 0)
		return 0;
	if (config_parse(&pool_schema, name, bytes, length, &config, &ignored) == 0) {
		*ops = storage_find(config.driver);
		config_free(&pool_schema, &config);
	}
	return 1;
}

/* The driver comes from the copy of the settings; without a copy, from the kind of the volumes. */
static int find_driver(const char *path, const struct text *kept, const struct storage_ops **ops,
		       struct err *err)
{
	scoped_dir DIR *dir = opendir(path);

	*ops = NULL;
	backup_each(kept, take_driver, ops);
	for (struct dirent *e; !*ops && dir && (e = readdir(dir));) {
		scoped_fd int fd = e->d_name[0] == '.' ? -1 : subvol_open(dirfd(dir), e->d_name);
		if (fd >= 0)
			*ops = &storage_btrfs;
	}
	if (!*ops || *ops == &storage_thin)
		*ops = &storage_dir;
	if (*ops == &storage_btrfs && !subvol_supported_at(path))
		return err_set(err, EINVAL,
			       "'%s' is a copy of a btrfs pool, but not on btrfs; bring it to a "
			       "btrfs, by btrfs-send(8)",
			       path);
	return 0;
}

static int import_folder(struct search *search, const char *path, const char *name, char *called,
			 struct text *kept, struct text *report, struct err *err)
{
	struct found found = { .path = path, .uuid = search->uuid, .kept = kept };

	int r = find_known(search, path, name, err);
	if (r < 0)
		return r;
	if (r > 0) {
		text_print(called, 64, "%s", search->name);
		r = move(search->dirs, path, called, false, report, err);
		return r < 0 ? r : POOL_IMPORT_MOVED;
	}
	if ((folder_backup_read(path, kept, err) < 0 && err->code) ||
	    find_driver(path, kept, &found.ops, err) < 0)
		return -err->code;
	call_it(name, kept, called);
	if (make_known(search->dirs, called, &found, report, err) < 0)
		return -err->code;
	text_add(report, "pool '%s' is in '%s'\n", called, path);
	if (!kept->length)
		text_add(report,
			 "there is no copy of settings in it: make its roots machines "
			 "again with: berth adopt --all --pool %s\n",
			 called);
	return POOL_IMPORT_TAKE;
}

static int import_thin(struct search *search, const char *path, const char *name, bool force,
		       char *called, struct text *kept, struct text *report, struct err *err)
{
	struct found found = { .path = path,
			       .uuid = search->uuid,
			       .ops = &storage_thin,
			       .kept = kept,
			       .force = force };
	struct known known = { .err = err };

	if (storage_thin.maintenance->backup_read(path, kept, err) < 0 && err->code)
		return -err->code;
	int r = find_known(search, path, name, err);
	if (r < 0)
		return r;
	if (r > 0) {
		text_print(called, 64, "%s", search->name);
		return move(search->dirs, path, called, force, report, err);
	}
	call_it(name, kept, called);
	if (make_known(search->dirs, called, &found, report, err) < 0)
		return -err->code;
	text_add(report, "pool '%s' is on '%s'\n", called, path);
	backup_each(kept, take_settings, &known);
	if (!*known.name)
		text_add(report, "there is no copy of its catalogue on it: what it holds has no "
				 "names\n");
	return POOL_IMPORT_CHECK;
}

static int refuse_folder(const char *path, int code, struct err *err)
{
	if (code == -ENOENT)
		return err_set(err, ENOENT,
			       "folder '%s' is not a pool: there is no '%s/.berth-pool'", path,
			       path);
	return err_set(err, -code, "look for a pool in folder '%s': %s", path, strerror(-code));
}

int pool_import(const struct dirs *dirs, const char *path, const char *name, bool force,
		char *called, struct text *kept, struct text *report, struct err *err)
{
	char uuid[37] = "";
	struct search search = { .dirs = dirs, .uuid = uuid };

	if (is_folder(path)) {
		int r = folder_identify(path, uuid);
		return r < 0 ? refuse_folder(path, r, err)
			     : import_folder(&search, path, name, called, kept, report, err);
	}
	if (disk_identify(path, uuid) == 0)
		return import_btrfs(&search, path, name, called, kept, report, err);
	if (storage_thin.maintenance->identify(path, uuid, err) < 0)
		return -err->code;
	return import_thin(&search, path, name, force, called, kept, report, err);
}
