/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base of the drivers: error texts, names of volumes, and a pool's folder and lock. */
#include "storage/driver.h"

#include "base/scoped.h"
#include "base/uuid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *why(int code)
{
	switch (-code) {
	case ENOENT:
		return "there is no such volume";
	case EEXIST:
		return "there is one of that name already";
	case ENOSPC:
		return "the pool is full; delete snapshots or machines that are no longer needed";
	case EDQUOT:
		return "the disk quota of the pool's file system is used up";
	case EROFS:
		return "the pool's file system is read-only, as after an error of the disk below "
		       "it, or when that is full, of which the kernel's log (dmesg) says more; or "
		       "a "
		       "privileged machine has made it so, and its stop undoes that";
	case EXDEV:
		return "the pool's folder has a project, and this volume another, between which "
		       "the kernel moves nothing; give both the same: chattr -p";
	case EBUSY:
		return "it is in use";
	case EPERM:
		return "it is not permitted; if a file in it is immutable, and this host is a "
		       "machine itself, use chattr -R -i -a on that machine's host";
	case EMFILE:
	case ENFILE:
		return "too many open files";
	default:
		return strerror(-code);
	}
}

int storage_fail(struct err *err, int code, const char *fmt, ...)
{
	char doing[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(doing, sizeof doing, fmt, ap);
	va_end(ap);
	return err_set(err, -code, "%s: %s", doing, why(code));
}

bool partial_is(const char *volume)
{
	return text_starts(volume, PARTIAL_PREFIX);
}

bool partial_is_removed(const char *volume)
{
	return text_starts(volume, PARTIAL_REMOVED);
}

const char *volume_name_fault(const char *name)
{
	char label[VOLUME_NAME_MAX + 1];
	unsigned labels = 0;

	if (strlen(name) > VOLUME_NAME_MAX)
		return "is longer than 200 characters";
	for (const char *at = name;; labels++) {
		size_t n = strcspn(at, ".");
		memcpy(label, at, n);
		label[n] = '\0';
		const char *fault = text_label_fault(label);
		if (fault)
			return fault;
		if (at[n] == '\0')
			break;
		at += n + 1;
	}
	if (labels == 0)
		return "does not begin with its kind and a dot";
	return partial_is(name) ? "begins with \"partial.\", which is for unfinished volumes"
				: NULL;
}

int pool_missing(const char *name, struct err *err)
{
	return err_set(err, ENOENT, "there is no pool '%s'; make it with: berth pool create %s",
		       name, name);
}

int pool_lock(const struct pool *pool, struct err *err)
{
	scoped_free char *lock = text_format("pool.%s", pool->name);
	scoped_free char *what = text_format("pool '%s'", pool->name);

	if (!lock || !what)
		return err_set(err, ENOMEM, "out of memory");
	return dirs_lock(pool->dirs, lock, POOL_WAIT_SECONDS, what, err);
}

char *pool_path(const struct pool *pool, const char *name)
{
	return text_format("%s/%s", pool->folder, name);
}

int pool_intend(struct pool *pool, struct err *err)
{
	scoped_free char *path = pool_path(pool, "unfinished.conf");

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return config_save(&pool_schema, path, &pool->config, err);
}

int pool_draw_uuid(char **out, struct err *err)
{
	char uuid[UUID_TEXT];
	int r = uuid_draw(uuid);

	if (r < 0)
		return err_set(err, -r, "draw a UUID: %s", strerror(-r));
	*out = strdup(uuid);
	return *out ? 0 : err_set(err, ENOMEM, "out of memory");
}

enum { FULL_PERCENT = 90 };

bool pool_is_full(struct pool *pool)
{
	struct pool_usage usage = { 0 };
	struct err ignored = { 0 };

	return pool->ops->pool_usage(pool, &usage, &ignored) == 0 &&
	       usage.used >= usage.total / 100 * FULL_PERCENT;
}

bool pool_is_reserve(const char *volume)
{
	return strcmp(volume, RESERVE_VOLUME) == 0;
}

bool volume_is_among(const char *volume, const char *const *volumes)
{
	for (; *volumes; volumes++) {
		size_t n = strlen(*volumes);
		bool all = n == 0 || (*volumes)[n - 1] == '.';
		if (all ? text_starts(volume, *volumes) : strcmp(volume, *volumes) == 0)
			return true;
	}
	return false;
}
