/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An object gets another name: its folder, which is what every command sees, then the rest. */
#include "storage/object.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Refuses a name that an object has, or what is left of one; the caller has its lock. */
static int check_free(const struct object_care *care, const struct dirs *dirs, const char *to,
		      struct err *err)
{
	struct unfinished mark = object_mark(care->kind, dirs, to);

	if (unfinished_is(&mark) && care->erase(dirs, to, false, err) < 0)
		return -err->code;
	return care->probe(dirs, to, &(struct err){ 0 }) == -ENOENT
		       ? 0
		       : err_set(err, EEXIST,
				 "%s '%s' exists already; choose another name or delete it",
				 care->kind->word, to);
}

/* The volume is there, and nobody copies it. The lock lasts until the pool is closed. */
static int lock_volume(const struct object_kind *kind, const char *from, struct pool *pool,
		       struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	kind->volume(from, volume);
	return volume_info(pool, volume, &info, err) < 0 ||
			       volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0
		       ? -err->code
		       : 0;
}

static int change(const struct object_rename *rename, const struct dirs *dirs, const char *from,
		  const char *to, struct err *err)
{
	const struct object_kind *kind = rename->care->kind;
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_fd int held = -1;
	struct renaming renaming;

	if (check_free(rename->care, dirs, to, err) < 0 ||
	    rename->check(dirs, from, to, &pool, err) < 0 ||
	    lock_volume(kind, from, &pool, err) < 0)
		return -err->code;
	if (rename->hold && (held = rename->hold(dirs, from, err)) < 0)
		return -err->code;
	if (renaming_begin(&renaming, dirs, kind->kind, from, to, err) < 0 ||
	    renaming_commit(&renaming, dirs, err) < 0)
		return -err->code;
	if (rename->finish(dirs, &renaming, err) < 0)
		return err_wrap(err,
				"%s '%s' is '%s' from now on, but not all of its parts have "
				"followed, which the next command tries again",
				kind->word, from, to);
	return 0;
}

int object_rename(const struct object_rename *rename, const struct dirs *dirs, const char *from,
		  const char *to, unsigned seconds, struct err *err)
{
	const struct object_care *care = rename->care;
	const char *fault = text_label_fault(to);
	bool swap = strcmp(to, from) < 0;

	if (fault)
		return err_set(err, EINVAL, "%s name '%.80s' %s", care->kind->word, to, fault);
	if (strcmp(from, to) == 0)
		return care->probe(dirs, from, err) < 0
			       ? -err->code
			       : err_set(err, EEXIST, "%s '%s' has this name already",
					 care->kind->word, to);
	/* In the order of the names, as everywhere. */
	scoped_fd int first = care->lock(dirs, swap ? to : from, seconds, err);
	scoped_fd int second = first < 0 ? -1 : care->lock(dirs, swap ? from : to, seconds, err);
	if (first < 0 || second < 0)
		return -err->code;
	int r = change(rename, dirs, from, to, err);
	const char *gone = r < 0 ? to : from;
	scoped_free char *left = dirs_state_path(dirs, "%s/%s", care->kind->kind, gone);
	if (left && access(left, F_OK) < 0)
		care->lock_forget(dirs, gone);
	return r;
}

int object_rename_volume(const struct object_kind *kind, struct pool *pool,
			 const struct renaming *renaming, struct err *err)
{
	char from[VOLUME_NAME_MAX + 1], to[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	kind->volume(renaming->from, from);
	kind->volume(renaming->to, to);
	if (volume_info(pool, from, &info, &(struct err){ 0 }) == -ENOENT)
		return 0;
	int r = volume_rename(pool, from, to, err);
	fault_point("rename-volume");
	return r;
}
