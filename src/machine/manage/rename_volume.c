/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A volume for data gets another name, by the same steps as a machine: folder, then the sections of machines, then the
 * data.
 */
#include "machine/manage/rename.h"

#include "machine/data/data.h"
#include "machine/life/volume_use.h"
#include "machine/manage/follow_name.h"
#include "machine/manage/volumes.h"
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

	if (pool_open(&pool, dirs, pool_name, err) < 0 ||
	    rename_snapshots(&pool, renaming, err) < 0)
		return -err->code;
	return object_rename_volume(&data_kind, &pool, renaming, err);
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

static int check(const struct dirs *dirs, const char *from, const char *to, struct pool *pool,
		 struct err *err)
{
	const struct subject subject = { .dirs = dirs, .name = from };
	struct volume_config config = { 0 };

	if (check_unnamed(dirs, to, err) < 0 || data_open(dirs, from, &config, err) < 0)
		return -err->code;
	int r = pool_open(pool, dirs, config.pool, err);
	if (r == 0)
		r = data_check_stray(pool, to, err);
	/* A stream that is being written of it names it as it is. */
	if (r == 0)
		r = volumes_claim(&subject, pool, err);
	config_free(&volume_schema, &config);
	return r;
}

/* From here on no start notes a use under the old name. */
static int hold(const struct dirs *dirs, const char *from, struct err *err)
{
	scoped_fd int use = volume_use_hold(dirs, from, err);

	return use < 0 || refuse_in_use(dirs, from, err) < 0 ? -err->code : take_fd(&use);
}

int data_rename(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	const struct object_rename rename = {
		.care = &data_care,
		.check = check,
		.hold = hold,
		.finish = volume_rename_finish,
	};

	data_sweep(dirs);
	return object_rename(&rename, dirs, from, to, LOCK_SECONDS, err);
}
