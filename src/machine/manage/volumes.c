/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/volumes.h"

#include "machine/state/private.h"

#include "base/fault.h"

#include <errno.h>
#include <string.h>

static int lock_one(void *context, const struct volume_info *info)
{
	struct err err = { 0 };

	return volume_lock(context, info->name, VOLUME_LOCK_CHANGE, &err) == -EBUSY ? -EBUSY : 0;
}

int volumes_claim(const struct subject *subject, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };

	subject_volume(subject, NULL, volume);
	int r = volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err);
	if (r == -EBUSY)
		return r;
	*err = (struct err){ 0 };
	subject_prefix(subject, volume);
	r = volume_list(pool, volume, lock_one, pool, &ignored);
	if (r != -EBUSY)
		return 0;
	return err_set(err, EBUSY,
		       "a snapshot of %s '%s' is being copied by another berth command; try again "
		       "when that ends",
		       subject_word(subject), subject->name);
}

/* Names of volumes, each with its NUL. The list is read before the first volume is renamed. */
static int note(void *context, const struct volume_info *info)
{
	return text_add_bytes(context, info->name, strlen(info->name) + 1);
}

static int rename_one(struct pool *pool, const char *volume, const char *to, struct err *err)
{
	int r = volume_rename(pool, volume, to, err);

	fault_point("rename-volume");
	return r;
}

static int rename_snapshots(struct pool *pool, const char *from, const char *to, struct err *err)
{
	char prefix[VOLUME_NAME_MAX + 1], wanted[VOLUME_NAME_MAX + 1];
	struct text names = { 0 };

	snapshot_volume(from, "", prefix);
	int r = volume_list(pool, prefix, note, &names, err);
	if (r < 0 && !err->code)
		err_set(err, -r, "out of memory");
	const char *name = text_str(&names), *end = name + names.length;
	for (; r == 0 && name < end; name += strlen(name) + 1) {
		snapshot_volume(to, name + strlen(prefix), wanted);
		r = rename_one(pool, name, wanted, err);
	}
	text_free(&names);
	return r;
}

int volumes_rename(struct pool *pool, const char *from, const char *to, struct err *err)
{
	char root[VOLUME_NAME_MAX + 1], wanted[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	int r = rename_snapshots(pool, from, to, err);
	machine_volume(from, root);
	machine_volume(to, wanted);
	if (r < 0 || volume_info(pool, root, &info, &(struct err){ 0 }) == -ENOENT)
		return r;
	return rename_one(pool, root, wanted, err);
}
