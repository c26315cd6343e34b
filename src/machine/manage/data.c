/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/data.h"

#include "machine/life/volume_use.h"
#include "machine/manage/quiesce.h"
#include "machine/state/content.h"

#include "storage/driver.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <string.h>

void data_opened_close(struct data_opened *opened)
{
	pool_close(&opened->pool);
	scoped_close_fd(&opened->lock);
	free(opened->folder);
	free(opened->description);
	opened->folder = opened->description = NULL;
}

int data_open_locked(struct data_opened *opened, const struct dirs *dirs, const char *name,
		     struct err *err)
{
	struct volume_config config = { 0 };
	const char *fault = text_label_fault(name);

	*opened = (struct data_opened){ .pool.use_fd = -1, .lock = -1 };
	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", name, fault);
	data_volume(name, opened->volume);
	text_print(opened->name, sizeof opened->name, "%s", name);
	opened->lock = data_lock(dirs, name, LOCK_SECONDS, err);
	if (opened->lock < 0 || data_open(dirs, name, &config, err) < 0)
		return -err->code;
	text_print(opened->uuid, sizeof opened->uuid, "%s", config.uuid);
	opened->folder = data_folder(dirs, name);
	opened->description = strdup(config.description);
	int r = opened->folder && opened->description
			? pool_open(&opened->pool, dirs, config.pool, err)
			: err_set(err, ENOMEM, "out of memory");
	config_free(&volume_schema, &config);
	return r;
}

struct subject data_subject(const struct data_opened *opened, const struct dirs *dirs)
{
	return (struct subject){
		.dirs = dirs, .name = opened->name, .uuid = opened->uuid, .folder = opened->folder
	};
}

int data_resize(const struct dirs *dirs, const char *name, uint64_t size, struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };

	if (data_open_locked(&opened, dirs, name, err) < 0)
		return -err->code;
	if (size == 0 && opened.pool.ops->can & STORAGE_BLOCK)
		return err_set(err, EINVAL,
			       "volume '%s' has a file system of its own, and always a size", name);
	if (size && volumes_limited(&opened.pool, err) < 0)
		return err_wrap(err, "volume '%s' cannot have a size", name);
	if (volume_check_limit(&opened.pool, opened.volume, size, err) < 0)
		return err_wrap(err, "volume '%s'", name);
	int r = volume_resize(&opened.pool, opened.volume, size, err);
	if (r == 0)
		data_tell(dirs, name, &(struct event){ .name = "volume-resized" });
	return r;
}

int data_set(const struct dirs *dirs, const char *name, const struct config_change *changes,
	     size_t count, struct err *err)
{
	scoped_free char *path = dirs_state_path(dirs, "volumes/%s/volume.conf", name);
	scoped_text struct text text = { 0 };
	struct volume_config config = { 0 };
	scoped_fd int lock = data_lock(dirs, name, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (data_open(dirs, name, &config, err) < 0)
		return -err->code;
	config_free(&volume_schema, &config);
	if (config_preview(&volume_schema, path, changes, count, &text, &config, err) < 0)
		return -err->code;
	config_free(&volume_schema, &config);
	int r = config_write(path, &text, err);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

/* ---- One moment of it */

static int tell(const struct dirs *dirs, const char *event, const char *name, const char *snapshot)
{
	data_tell(dirs, name, &(struct event){ .name = event, .snapshot = snapshot });
	return 0;
}

static int note_writer(void *context, const char *machine, const struct attached_config *attached)
{
	if (attached->readonly)
		return 0;
	text_print(context, 64, "%s", machine);
	return 1;
}

int data_holder(const struct dirs *dirs, const char *name, struct machine *holder, struct err *err)
{
	char writer[64];
	int r = data_each_machine(dirs, name, note_writer, writer, err);

	if (r <= 0)
		return r;
	return machine_read(holder, dirs, writer, err) < 0 ? -err->code : 1;
}

/* Copies within one pool or to another; the machine that may write is held still unless one system call copies. */
static int copy_still(struct data_opened *from, const char *name, const char *origin,
		      struct pool *to, const char *volume, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct err moved = { 0 };
	struct quiesce still;
	bool at_once = strcmp(from->pool.name, to->name) == 0 &&
		       volume_copies_at_once(&from->pool, origin);

	if (strcmp(origin, from->volume) != 0 || at_once ||
	    data_holder(from->pool.dirs, name, &machine, err) <= 0)
		return err->code ? -err->code : volume_copy(&from->pool, origin, to, volume, err);
	if (quiesce_begin(&still, &machine, NULL, -1, err) < 0)
		return -err->code;
	int r = volume_copy(&from->pool, origin, to, volume, err);
	if (quiesce_end(&still, &machine, &moved) < 0 && r == 0) {
		volume_destroy(to, volume, &(struct err){ 0 });
		*err = moved;
		r = -err->code;
	}
	return r;
}

static int find_snapshot(struct data_opened *opened, const char *name, const char *snapshot,
			 char volume[VOLUME_NAME_MAX + 1], struct err *err)
{
	const char *fault = text_label_fault(snapshot);
	struct volume_info info;
	struct err why = { 0 };

	if (fault)
		return err_set(err, EINVAL, "snapshot name '%.80s' %s", snapshot, fault);
	data_snapshot_volume(name, snapshot, volume);
	int r = volume_info(&opened->pool, volume, &info, &why);
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "volume '%s' has no snapshot '%s'; see: berth volume info %s", name,
			       snapshot, name);
	return r < 0 ? err_set(err, -r, "%s", why.text) : 0;
}

int data_snapshot_take(const struct dirs *dirs, const char *name, const char *snapshot,
		       struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	char volume[VOLUME_NAME_MAX + 1];

	if (data_open_locked(&opened, dirs, name, err) < 0)
		return -err->code;
	int r = find_snapshot(&opened, name, snapshot, volume, err);
	if (r == 0)
		return err_set(err, EEXIST,
			       "volume '%s' has a snapshot '%s' already; choose another name", name,
			       snapshot);
	if (r != -ENOENT)
		return r;
	*err = (struct err){ 0 };
	fault_point("volume-snapshot-begun");
	r = copy_still(&opened, name, opened.volume, &opened.pool, volume, err);
	fault_point("volume-snapshot-made");
	return r < 0 ? r : tell(dirs, "volume-snapshot-taken", name, snapshot);
}

int data_snapshot_delete(const struct dirs *dirs, const char *name, const char *snapshot,
			 struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	char volume[VOLUME_NAME_MAX + 1];

	if (data_open_locked(&opened, dirs, name, err) < 0 ||
	    find_snapshot(&opened, name, snapshot, volume, err) < 0)
		return -err->code;
	const char *const volumes[] = { volume, NULL };
	if (volumes_unused(&opened.pool, volumes, err) < 0 ||
	    volume_destroy(&opened.pool, volume, err) < 0)
		return -err->code;
	content_forget(opened.folder, snapshot);
	return tell(dirs, "volume-snapshot-deleted", name, snapshot);
}

static int refuse_in_use(const struct dirs *dirs, const char *name, struct err *err)
{
	char machine[64];

	return volume_use_find(dirs, name, NULL, false, machine)
		       ? err_set(err, EBUSY,
				 "volume '%s' cannot be restored: machine '%s' runs with it; stop "
				 "the machine, or detach the volume",
				 name, machine)
		       : 0;
}

int data_exchange_unused(struct pool *pool, const char *name, const char *volume, const char *next,
			 struct err *err)
{
	scoped_fd int use = volume_use_hold(pool->dirs, name, err);

	if (use < 0 || refuse_in_use(pool->dirs, name, err) < 0)
		return -err->code;
	/* Its name may be that of a volume in the making. */
	if (volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0)
		return -err->code;
	int r = pool->ops->exchange(pool, volume, next, err);
	volume_release(pool, volume);
	return r;
}

int data_restore(const struct dirs *dirs, const char *name, const char *snapshot, struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	char kept[VOLUME_NAME_MAX + 1], next[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (data_open_locked(&opened, dirs, name, err) < 0 ||
	    find_snapshot(&opened, name, snapshot, kept, err) < 0 ||
	    refuse_in_use(dirs, name, err) < 0)
		return -err->code;
	const char *const volumes[] = { opened.volume, NULL };
	data_incoming_volume(name, next);
	/* The rest of a restore that was killed. */
	if (volumes_unused(&opened.pool, volumes, err) < 0 ||
	    volume_info(&opened.pool, opened.volume, &info, err) < 0 ||
	    volume_destroy(&opened.pool, next, err) < 0 ||
	    volume_snapshot(&opened.pool, kept, next, err) < 0)
		return -err->code;
	fault_point("volume-copied");
	/* The limit of a folder is that of the volume, whatever it was when the snapshot was taken. */
	int r = info.size ? volume_resize(&opened.pool, next, info.size, err) : 0;
	if (r == 0)
		r = data_exchange_unused(&opened.pool, name, opened.volume, next, err);
	if (r == 0)
		tell(dirs, "volume-restored", name, snapshot);
	fault_point("volume-exchanged");
	struct err why = { 0 };
	if (volume_destroy(&opened.pool, next, &why) < 0 && r == 0)
		return err_set(err, why.code,
			       "volume '%s' has the data of snapshot '%s' now, but what it had "
			       "before could not be removed: %s; mend that, and the next restore "
			       "removes it",
			       name, snapshot, why.text);
	return r;
}

/* ---- Copies */

uint64_t data_limit(struct data_opened *opened)
{
	struct volume_info info;

	/* The size of a file system of its own is copied with it. */
	return !(opened->pool.ops->can & STORAGE_BLOCK) &&
			       volume_info(&opened->pool, opened->volume, &info,
					   &(struct err){ 0 }) == 0
		       ? info.size
		       : 0;
}

struct copying {
	struct data_opened *from;
	const char *name;
	char origin[VOLUME_NAME_MAX + 1];
};

static int fill(void *context, struct pool *pool, const char *volume, struct err *err)
{
	struct copying *copying = context;

	return copy_still(copying->from, copying->name, copying->origin, pool, volume, err);
}

int data_copy(const struct dirs *dirs, const char *from, const char *snapshot, const char *name,
	      const struct data_spec *spec, struct err *err)
{
	struct data_spec whole = *spec;
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	struct copying copying = { .from = &opened, .name = from };
	scoped_free char *origin =
		text_format("volume %s%s%s", from, snapshot ? "@" : "", snapshot ? snapshot : "");

	if (!origin)
		return err_set(err, ENOMEM, "out of memory");
	if (strcmp(from, name) == 0)
		return err_set(err, EEXIST,
			       "volume '%s' exists already; choose another name or delete it",
			       name);
	if (data_open_locked(&opened, dirs, from, err) < 0)
		return -err->code;
	memcpy(copying.origin, opened.volume, sizeof copying.origin);
	if (snapshot && find_snapshot(&opened, from, snapshot, copying.origin, err) < 0)
		return -err->code;
	if (volume_check_limit(&opened.pool, copying.origin, spec->size, err) < 0)
		return err_wrap(err, "%s", origin);
	whole.fill = fill;
	whole.context = &copying;
	whole.origin = origin;
	if (!whole.pool)
		whole.pool = opened.pool.name;
	if (!whole.size && strcmp(whole.pool, opened.pool.name) == 0)
		whole.size = data_limit(&opened);
	return data_create(dirs, name, &whole, err);
}
