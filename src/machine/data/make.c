/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes for data are made and deleted. volume.conf is the commit point: before it exists, and after it is gone, a
 * mark (base/unfinished.h) stands for it, by which the next command removes the rest.
 */
#include "machine/data/data.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/uuid.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void data_incoming_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "incoming.data.%s", name);
}

/* ---- Removal */

/* A snapshot that cannot be removed stops the rest: the volume stays half removed, and the next command tries again. */
static int destroy_all(struct pool *pool, const char *name, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	data_snapshot_volume(name, "", volume);
	int r = volumes_destroy(pool, volume, err);
	if (r < 0)
		return r;
	data_incoming_volume(name, volume);
	r = volume_destroy(pool, volume, err);
	fault_point("volume-erased");
	data_volume(name, volume);
	return r < 0 ? r : volume_destroy(pool, volume, err);
}

static int check_unused(struct pool *pool, const char *name, struct err *err)
{
	char data[VOLUME_NAME_MAX + 1], snapshots[VOLUME_NAME_MAX + 1];
	const char *const volumes[] = { data, snapshots, NULL };
	struct err why = { 0 };

	data_volume(name, data);
	data_snapshot_volume(name, "", snapshots);
	int r = volumes_unused(pool, volumes, &why);
	return r < 0 ? err_set(err, why.code, "volume '%s' cannot be deleted: %s", name, why.text)
		     : 0;
}

struct removal {
	const struct dirs *dirs;
	const char *name;
};

/* A volume with unreadable settings: the data of its name in all pools. */
static int remove_in_pool(void *context, const char *pool_name)
{
	const struct removal *removal = context;
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };

	if (pool_open(&pool, removal->dirs, pool_name, &ignored) == 0)
		destroy_all(&pool, removal->name, &ignored);
	return 0;
}

static int remove_parts(const struct unfinished *mark, bool known, struct pool *pool,
			struct err *err)
{
	scoped_free char *folder = data_folder(mark->dirs, mark->name);
	struct removal removal = { mark->dirs, mark->name };
	int r = 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (unfinished_undo(mark, err) < 0)
		return -err->code;
	fault_point("volume-marked");
	if (!known)
		r = pool_list(mark->dirs, remove_in_pool, &removal, err);
	else if (pool->ops)
		r = destroy_all(pool, mark->name, err);
	if (r < 0)
		return r;
	fault_point("volume-destroyed");
	r = remove_tree(AT_FDCWD, folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", folder, strerror(-r));
	return unfinished_drop(mark, err);
}

int data_erase(const struct dirs *dirs, const char *name, bool forget, struct err *err)
{
	struct unfinished mark = data_mark(dirs, name);
	scoped_free char *path = unfinished_is(&mark)
					 ? unfinished_path(&mark)
					 : dirs_state_path(dirs, "volumes/%s/%s", name, mark.file);
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct volume_config config = { 0 };
	struct err why = { 0 };
	int r = 0;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	bool known =
		config_load(&volume_schema, path, &config, &(struct err){ 0 }) == 0 && *config.pool;
	if (known && pool_open(&pool, dirs, config.pool, &why) < 0 && !forget)
		r = err_set(err, why.code,
			    "volume '%s' cannot be deleted with its data: %s; to delete it and "
			    "leave what is there: berth volume delete --force %s",
			    name, why.text, name);
	if (r == 0 && known && pool.ops)
		r = check_unused(&pool, name, err);
	if (r == 0)
		r = remove_parts(&mark, known, &pool, err);
	config_free(&volume_schema, &config);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

/* A volume that a killed command has left half made is removed, unless the machine that it was made with is there. */
static int settle(const struct dirs *dirs, const char *name, bool forget, struct err *err)
{
	struct volume_config config = { 0 };

	if (!data_load_unnamed(dirs, name, &config))
		return data_erase(dirs, name, forget, err);
	config_free(&volume_schema, &config);
	return data_finish(dirs, name, err);
}

static int probe(const struct dirs *dirs, const char *name, struct err *err)
{
	struct volume_config config = { 0 };
	int r = data_open(dirs, name, &config, err);

	config_free(&volume_schema, &config);
	return r;
}

const struct object_care data_care = {
	.kind = &data_kind,
	.probe = probe,
	.lock = data_lock,
	.lock_forget = data_lock_forget,
	.erase = settle,
};

void data_sweep(const struct dirs *dirs)
{
	object_sweep(&data_care, dirs);
}

int data_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	data_sweep(dirs);
	int r = object_delete(&data_care, dirs, name, force, LOCK_SECONDS, data_check_free, err);
	if (r == 0)
		data_tell(dirs, name, &(struct event){ .name = "volume-deleted" });
	return r;
}

/* ---- Creation */

int data_check_stray(struct pool *pool, const char *name, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	data_volume(name, volume);
	return volume_info(pool, volume, &info, &(struct err){ 0 }) == 0
		       ? err_set(err, EEXIST,
				 "pool '%s' holds data '%s' already, of a volume that has lost its "
				 "settings: make them a volume again: berth volume adopt %s",
				 pool->name, volume, name)
		       : 0;
}

int data_check_absent(struct pool *pool, const char *name, const char *remedy, struct err *err)
{
	struct volume_config config = { 0 };
	struct err why = { 0 };
	int r = data_open(pool->dirs, name, &config, &why);

	config_free(&volume_schema, &config);
	if (r == -ENODATA)
		return err_set(err, EEXIST, "%s", why.text);
	if (r != -ENOENT)
		return err_set(err, EEXIST, "volume '%s' exists already%s", name, remedy);
	return data_check_stray(pool, name, err);
}

static int fill_settings(const struct data_spec *spec, struct volume_config *config,
			 struct err *err)
{
	char uuid[UUID_TEXT];

	if (config_defaults(&volume_schema, config, err) < 0)
		return -err->code;
	const struct machine *maker = spec->maker;
	config->created = (uint64_t)time(NULL);
	if (maker &&
	    text_take(&config->maker, text_format("%s %s", maker->config.uuid, maker->name)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (spec->uuid)
		text_print(uuid, sizeof uuid, "%s", spec->uuid);
	if ((!spec->uuid && uuid_draw(uuid) < 0) || text_take(&config->uuid, strdup(uuid)) < 0 ||
	    text_take(&config->pool, strdup(spec->pool)) < 0 ||
	    text_take(&config->origin, strdup(spec->origin ? spec->origin : "")) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return spec->description
		       ? config_put(&volume_schema, config, "description", spec->description, err)
		       : 0;
}

/* Makes the data under a name that counts for nothing, and renames them, which also writes them to the disk. */
static int make_data(struct pool *pool, const char *name, const struct data_spec *spec,
		     struct err *err)
{
	char incoming[VOLUME_NAME_MAX + 1], volume[VOLUME_NAME_MAX + 1];
	bool block = pool->ops->can & STORAGE_BLOCK;

	data_incoming_volume(name, incoming);
	data_volume(name, volume);
	int r = volume_destroy(pool, incoming, err);
	if (r == 0)
		r = spec->fill ? spec->fill(spec->context, pool, incoming, err)
			       : volume_create(pool, incoming, block ? spec->size : 0, err);
	fault_point("volume-filled");
	if (r == 0 && spec->size && (spec->fill || !block))
		r = volume_resize(pool, incoming, spec->size, err);
	if (r == 0)
		r = volume_deactivate(pool, incoming, err);
	return r < 0 ? r : volume_rename(pool, incoming, volume, err);
}

/* The folder before the mark: a mark without anything else is removed all the same. */
static int begin(const struct unfinished *mark, const struct volume_config *config, struct err *err)
{
	scoped_free char *folder = data_folder(mark->dirs, mark->name);

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (config_begin(&volume_schema, mark, config, err) < 0)
		return -err->code;
	fault_point("volume-begun");
	return mkdir(folder, 0700) < 0
		       ? err_set(err, errno, "make '%s': %s", folder, strerror(errno))
		       : 0;
}

static int create_locked(struct pool *pool, const char *name, const struct data_spec *spec,
			 struct err *err)
{
	struct unfinished mark = data_mark(pool->dirs, name);
	struct volume_config config = { 0 };

	if (unfinished_is(&mark) && settle(pool->dirs, name, false, err) < 0)
		return -err->code;
	if (data_check_absent(pool, name, "; choose another name or delete it", err) < 0)
		return -err->code;
	int r = fill_settings(spec, &config, err);
	if (r == 0)
		r = begin(&mark, &config, err);
	config_free(&volume_schema, &config);
	if (r == 0)
		r = make_data(pool, name, spec, err);
	fault_point("volume-made");
	if (r == 0 && !spec->maker)
		r = unfinished_finish(&mark, err);
	if (r < 0 && unfinished_is(&mark))
		data_erase(pool->dirs, name, false, &(struct err){ 0 });
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

int data_create(const struct dirs *dirs, const char *name, const struct data_spec *spec,
		struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", name, fault);
	data_sweep(dirs);
	if (pool_open(&pool, dirs, spec->pool, err) < 0)
		return -err->code;
	/* A size that the pool cannot enforce is refused before anything is made. */
	if (spec->size && volumes_limited(&pool, err) < 0)
		return err_wrap(err, "volume '%s' cannot have a size", name);
	scoped_fd int lock = data_lock(dirs, name, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	int r = create_locked(&pool, name, spec, err);
	scoped_free char *folder = data_folder(dirs, name);
	if (r < 0 && folder && access(folder, F_OK) < 0)
		data_lock_forget(dirs, name);
	if (r == 0 && spec->maker)
		*spec->lock = take_fd(&lock);
	else if (r == 0)
		data_tell(dirs, name,
			  &(struct event){ .name = "volume-created", .pool = pool.name });
	return r;
}

/* ---- Adoption */

/* The settings in the pool's copy, or new ones. */
static int kept_settings(const struct dirs *dirs, const char *name, const char *pool,
			 struct volume_config *config, struct err *err)
{
	scoped_free char *file = text_format("volumes/%s/volume.conf", name);
	scoped_text struct text kept = { 0 }, settings = { 0 };
	const struct data_spec spec = { .pool = pool };

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	if (pool_backup_read(dirs, pool, &kept) < 0 ||
	    pool_backup_find(&kept, file, &settings) < 0 ||
	    config_parse(&volume_schema, file, text_str(&settings), settings.length, config,
			 &(struct err){ 0 }) < 0)
		return fill_settings(&spec, config, err);
	return text_take(&config->pool, strdup(pool)) < 0 ? err_set(err, ENOMEM, "out of memory")
							  : 0;
}

int data_adopt(const struct dirs *dirs, const char *name, const char *pool, struct err *err)
{
	scoped_inventory struct inventory inventory = { .dirs = dirs, .attach = true };
	scoped_free char *folder = data_folder(dirs, name);
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/volume.conf", name);
	scoped_free char *holder = NULL;
	struct volume_config config = { 0 };
	char volume[VOLUME_NAME_MAX + 1];
	const char *fault = text_label_fault(name);

	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", name, fault);
	data_sweep(dirs);
	scoped_fd int lock = data_lock(dirs, name, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) == 0)
		return err_set(err, EEXIST,
			       "volume '%s' has its settings, '%s': there is nothing to adopt; if "
			       "they are useless, move them away first",
			       name, path);
	data_volume(name, volume);
	if (inventory_holder(&inventory, pool, volume, &holder, err) < 0)
		return -err->code;
	int r = kept_settings(dirs, name, holder, &config, err);
	if (r == 0)
		r = file_make_dirs(folder, 0711, err);
	if (r == 0 && chmod(folder, 0700) < 0)
		r = err_set(err, errno, "open '%s': %s", folder, strerror(errno));
	if (r == 0)
		r = config_save(&volume_schema, path, &config, err);
	config_free(&volume_schema, &config);
	if (r < 0)
		return r;
	pool_backup_mark_stale();
	data_tell(dirs, name, &(struct event){ .name = "volume-adopted", .pool = holder });
	return 0;
}
