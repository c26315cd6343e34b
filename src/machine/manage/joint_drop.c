/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removal of the snapshots of volumes that were taken with a snapshot of their machine. */
#include "machine/manage/joint_drop.h"

#include "machine/manage/data.h"
#include "machine/state/content.h"
#include "machine/state/private.h"

#include "base/scoped.h"

#include <dirent.h>
#include <string.h>

static bool is_there(const struct machine *machine, struct pool *pool, const char *snapshot)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	snapshot_volume(machine->name, snapshot, volume);
	/* A snapshot that cannot be looked up is not taken for missing. */
	return volume_info(pool, volume, &info, &(struct err){ 0 }) != -ENOENT;
}

/* Snapshots that were renamed have two files for a moment. */
static bool is_of_another(const struct machine *machine, struct pool *pool, const char *except,
			  const struct joint_part *part)
{
	scoped_dir DIR *dir = opendir(machine->folder);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		const char *name = joint_snapshot_of(e->d_name);
		scoped_joint struct joint joint = { 0 };
		if (!name || strcmp(name, except) == 0 || !is_there(machine, pool, name))
			continue;
		if (joint_read(machine, name, &joint, &(struct err){ 0 }) < 0)
			return true;
		for (size_t i = 0; i < joint.count; i++) {
			if (strcmp(joint.parts[i].uuid, part->uuid) == 0 &&
			    strcmp(joint.parts[i].snapshot, part->snapshot) == 0)
				return true;
		}
	}
	return false;
}

int joint_find_volume(const struct dirs *dirs, const struct joint_part *part, char name[64],
		      struct err *err)
{
	int r = data_with_uuid(dirs, part->uuid, name, err);

	return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}

/*
 * 0: it is gone. The lock of the volume is not waited for, because the caller has that of the machine, which comes
 * behind it.
 */
static int drop_part(const struct dirs *dirs, const struct joint_part *part)
{
	struct volume_config config = { 0 };
	scoped_pool struct pool pool = { .use_fd = -1 };
	char name[64], volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	struct err why = { 0 };

	int r = joint_find_volume(dirs, part, name, &why);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	scoped_fd int lock = data_lock(dirs, name, 0, &why);
	r = lock < 0 ? lock : data_open(dirs, name, &config, &why);
	if (r < 0)
		return r;
	r = pool_open(&pool, dirs, config.pool, &why);
	config_free(&volume_schema, &config);
	scoped_free char *folder = data_folder(dirs, name);
	data_snapshot_volume(name, part->snapshot, volume);
	if (r == 0)
		r = volume_info(&pool, volume, &info, &why);
	/* A later snapshot of that name is the user's own. */
	if (r == 0 && info.created == part->created)
		r = volume_destroy(&pool, volume, &why);
	if (r == 0 && folder)
		content_forget(folder, part->snapshot);
	if (r == 0)
		data_tell(dirs, name,
			  &(struct event){ .name = "volume-snapshot-deleted",
					   .snapshot = part->snapshot });
	return r == -ENOENT ? 0 : r;
}

void joint_drop(const struct machine *machine, struct pool *pool, const char *snapshot)
{
	scoped_joint struct joint joint = { 0 };
	bool all = true;

	if (joint_read(machine, snapshot, &joint, &(struct err){ 0 }) < 0 || !joint.count)
		return;
	for (size_t i = 0; i < joint.count; i++) {
		if (!is_of_another(machine, pool, snapshot, &joint.parts[i]))
			all = drop_part(machine->dirs, &joint.parts[i]) == 0 && all;
	}
	if (all)
		joint_forget(machine, snapshot);
}

void joint_clear(const struct machine *machine, struct pool *pool)
{
	scoped_dir DIR *dir = opendir(machine->folder);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		const char *name = joint_snapshot_of(e->d_name);
		if (name && !is_there(machine, pool, name))
			joint_drop(machine, pool, name);
	}
}
