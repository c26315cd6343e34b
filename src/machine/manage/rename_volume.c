/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume for data gets another name, by the same steps as a machine: folder, then the sections of machines, then the data. */
#include "machine/manage/rename.h"

#include "machine/data/data.h"
#include "machine/life/volume_use.h"
#include "machine/manage/follow_name.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/renaming.h"
#include "base/scoped.h"

#include <string.h>

/* Names of volumes, each with its NUL. The list is read before the first one is renamed. */
static int note(void *context, const struct volume_info *info)
{
	return text_add_bytes(context, info->name, strlen(info->name) + 1);
}

static int rename_snapshots(struct pool *pool, const struct renaming *renaming, struct err *err)
{
	char prefix[VOLUME_NAME_MAX + 1], wanted[VOLUME_NAME_MAX + 1];
	scoped_text struct text names = { 0 };

	data_snapshot_volume(renaming->from, "", prefix);
	int r = volume_list(pool, prefix, note, &names, err);
	if (r < 0 && !err->code)
		err_set(err, -r, "out of memory");
	const char *name = text_str(&names), *end = name + names.length;
	for (; r == 0 && name < end; name += strlen(name) + 1) {
		data_snapshot_volume(renaming->to, name + strlen(prefix), wanted);
		r = volume_rename(pool, name, wanted, err);
		fault_point("rename-volume");
	}
	return r;
}

/* The data come last, which is the sign that there is nothing more to do. */
static int rename_data(const struct dirs *dirs, const struct renaming *renaming,
		       const char *pool_name, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char from[VOLUME_NAME_MAX + 1], to[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	data_volume(renaming->from, from);
	data_volume(renaming->to, to);
	if (pool_open(&pool, dirs, pool_name, err) < 0 ||
	    rename_snapshots(&pool, renaming, err) < 0)
		return -err->code;
	if (volume_info(&pool, from, &info, &(struct err){ 0 }) == -ENOENT)
		return 0;
	int r = volume_rename(&pool, from, to, err);
	fault_point("rename-volume");
	return r;
}

int volume_rename_finish(const struct dirs *dirs, const struct renaming *renaming, struct err *err)
{
	struct volume_config config = { 0 };

	if (data_open(dirs, renaming->to, &config, err) < 0)
		return -err->code;
	int r = follow_volume(dirs, renaming->from, renaming->to, err);
	fault_point("rename-followed");
	if (r == 0)
		r = rename_data(dirs, renaming, config.pool, err);
	config_free(&volume_schema, &config);
	if (r < 0)
		return r;
	data_tell(dirs, renaming->to,
		  &(struct event){ .name = "volume-renamed", .from = renaming->from });
	pool_backup_mark_stale();
	return renaming_end(renaming, dirs, err);
}

/* Refuses a name that a volume has, or what is left of one; the caller has its lock. */
static int check_free(const struct dirs *dirs, const char *to, struct err *err)
{
	struct unfinished mark = data_mark(dirs, to);
	struct volume_config config = { 0 };
	struct err why = { 0 };

	if (unfinished_is(&mark) && data_erase(dirs, to, false, err) < 0)
		return -err->code;
	int r = data_open(dirs, to, &config, &why);
	config_free(&volume_schema, &config);
	if (r == -ENOENT)
		return 0;
	return err_set(err, EEXIST, "volume '%s' exists already; choose another name or delete it",
		       to);
}

/* The data are there, nobody copies them, and none has the new name. The lock lasts until the pool is closed. */
static int check_data(const struct dirs *dirs, const char *from, const char *to,
		      const char *pool_name, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	data_volume(to, volume);
	if (pool_open(pool, dirs, pool_name, err) < 0)
		return -err->code;
	if (volume_info(pool, volume, &info, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST,
			       "pool '%s' holds data '%s' already, of a volume that has lost its "
			       "settings: make them a volume again: berth volume adopt %s",
			       pool->name, volume, to);
	data_volume(from, volume);
	return volume_info(pool, volume, &info, err) < 0 ||
			       volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0
		       ? -err->code
		       : 0;
}

static int note_machine(void *context, const char *machine, const struct attached_config *attached)
{
	(void)attached;
	text_print(context, 64, "%s", machine);
	return 1;
}

/* Settings that name a volume which is gone would have two sections of one name. */
static int check_unnamed(const struct dirs *dirs, const char *to, struct err *err)
{
	char machine[64] = "";
	int r = data_each_machine(dirs, to, note_machine, machine, err);

	if (r <= 0)
		return r;
	return err_set(
		err, EEXIST,
		"machine '%s' has a volume '%s' in its settings, which is not there; remove it "
		"first: berth volume detach %s %s",
		machine, to, machine, to);
}

static int refuse_in_use(const struct dirs *dirs, const char *from, struct err *err)
{
	char machine[64];

	return volume_use_find(dirs, from, NULL, false, machine)
		       ? err_set(err, EBUSY,
				 "volume '%s' keeps its name while machine '%s' runs with it; stop "
				 "the machine first",
				 from, machine)
		       : 0;
}

static int change(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct volume_config config = { 0 };
	struct renaming renaming;

	if (check_free(dirs, to, err) < 0 || check_unnamed(dirs, to, err) < 0 ||
	    data_open(dirs, from, &config, err) < 0)
		return -err->code;
	int r = check_data(dirs, from, to, config.pool, &pool, err);
	config_free(&volume_schema, &config);
	if (r < 0)
		return r;
	/* From here on no start notes a use under the old name. */
	scoped_fd int use = volume_use_hold(dirs, from, err);
	if (use < 0 || refuse_in_use(dirs, from, err) < 0 ||
	    renaming_begin(&renaming, dirs, data_kind.kind, from, to, err) < 0 ||
	    renaming_commit(&renaming, dirs, err) < 0)
		return -err->code;
	if (volume_rename_finish(dirs, &renaming, err) < 0)
		return err_wrap(err,
				"volume '%s' is '%s' from now on, but not all of its parts have "
				"followed, which the next command tries again",
				from, to);
	return 0;
}

int data_rename(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	const char *fault = text_label_fault(to);
	bool swap = strcmp(to, from) < 0;

	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", to, fault);
	if (strcmp(from, to) == 0)
		return err_set(err, EEXIST, "volume '%s' has this name already", to);
	data_sweep(dirs);
	/* In the order of the names, as everywhere. */
	scoped_fd int first = data_lock(dirs, swap ? to : from, LOCK_SECONDS, err);
	scoped_fd int second =
		first < 0 ? -1 : data_lock(dirs, swap ? from : to, LOCK_SECONDS, err);
	if (first < 0 || second < 0)
		return -err->code;
	int r = change(dirs, from, to, err);
	scoped_free char *left = dirs_state_path(dirs, "volumes/%s", r < 0 ? to : from);
	if (left && access(left, F_OK) < 0)
		data_lock_forget(dirs, r < 0 ? to : from);
	return r;
}
