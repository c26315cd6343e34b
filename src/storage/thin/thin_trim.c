/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Space that volumes have freed, given back: their file systems tell the pool, the pool what is below. */
#include "base/scoped.h"
#include "kern/timed_child.h"
#include "storage/driver.h"
#include "storage/thin/thin.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { FEW_BLOCKS = 64, FEW_PART = 100, PATIENCE_MS = 5000 };

/* The device is held open by the mount, so that nobody needs to be kept off meanwhile. */
static int trim_one(struct pool *pool, const struct catalog_volume *volume, struct err *err)
{
	struct fstrim_range range = { .len = UINT64_MAX };
	scoped_fd int mount = -1;

	if (pool->ops->mount(pool, volume->name, 0, &mount, err) < 0)
		return -err->code;
	scoped_fd int top = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || ioctl(top, FITRIM, &range) < 0)
		return err_set(err, errno, "trim it: %s", strerror(errno));
	return 0;
}

struct patient {
	struct pool *pool;
	const struct catalog_volume *volume;
};

static int trim_there(void *context, int *fds, struct err *err)
{
	const struct patient *patient = context;

	(void)fds;
	return trim_one(patient->pool, patient->volume, err);
}

/*
 * A process of its own trims where the pool has no room. Writes then wait in the kernel, sync(2) waits for them, and a
 * further mount of the same file system waits too, and cannot be killed.
 */
static int trim_patiently(struct pool *pool, const struct catalog_volume *volume, struct err *err)
{
	struct patient patient = { pool, volume };
	const struct timed_child child = {
		.work = trim_there,
		.context = &patient,
		.timeout_ms = PATIENCE_MS,
		.late = "its file system waits for room; make the pool larger, and call this again",
	};

	return timed_child_run(&child, NULL, err);
}

struct trim {
	struct pool *pool;
	struct catalog_volume *list; /* owned */
	size_t count;
};

static int keep(void *context, const struct catalog_volume *volume)
{
	struct trim *trim = context;
	struct catalog_volume *list = reallocarray(trim->list, trim->count + 1, sizeof *trim->list);

	if (!list)
		return -ENOMEM;
	trim->list = list;
	trim->list[trim->count] = *volume;
	trim->count += volume->state == CATALOG_READY;
	return 0;
}

/* So little room that a write of one block may wait in the kernel. */
static bool is_full(const struct dm_pool_status *status)
{
	uint64_t left = status->data_total - status->data_used;

	return status->mode == DM_POOL_OUT_OF_DATA || left <= FEW_BLOCKS ||
	       left <= status->data_total / FEW_PART;
}

static int used_now(struct pool *pool, uint64_t *bytes, bool *full, struct err *err)
{
	struct dm_pool_status status;

	if (thin_look(pool, err) < 0 || thin_status(pool, DM_WITH_FLUSH, &status, err) < 0)
		return -err->code;
	*bytes = status.data_used * thin_of(pool)->layout.block * DM_SECTOR;
	*full = is_full(&status);
	return 0;
}

/* A snapshot that nobody writes to has nothing to give back that it had not when it was taken. */
static bool worth_it(const struct catalog_volume *volume)
{
	return !thin_keeps_bytes(volume->name) && !partial_is(volume->name);
}

/* full: only those in use, since to mount another takes some blocks. */
static void trim_all(struct trim *trim, bool full, struct text *report)
{
	struct pool *pool = trim->pool;
	unsigned skipped = 0;

	for (size_t i = 0; i < trim->count; i++) {
		const struct catalog_volume *volume = &trim->list[i];
		struct dm_info info;
		struct err err = { 0 };
		bool was_active = thin_active(pool, volume->id, &info) && info.open_count > 0;
		if (!worth_it(volume) || (full && !was_active)) {
			skipped += worth_it(volume);
			continue;
		}
		int r = full ? trim_patiently(pool, volume, &err) : trim_one(pool, volume, &err);
		if (r < 0 && err.code != ENOENT)
			text_add(report, "volume '%s': %s\n", volume->name, err.text);
		if (!was_active)
			thin_deactivate(pool, volume->id, 0);
	}
	if (skipped)
		text_add(report,
			 "%u volumes that are not in use were left out: the pool has no block left "
			 "to "
			 "mount them; make it larger, and call this again\n",
			 skipped);
}

int thin_trim(struct pool *pool, struct text *report, struct err *err)
{
	struct trim trim = { .pool = pool };
	uint64_t before = 0, after = 0;
	bool full = false;
	char freed[32];

	if (used_now(pool, &before, &full, err) < 0)
		return -err->code;
	{
		scoped_session struct thin_session session = { .lock = -1 };
		if (thin_enter(pool, &session, err) < 0)
			return -err->code;
		if (catalog_list_all(session.catalog, keep, &trim, err) < 0 && !err->code)
			err_set(err, ENOMEM, "out of memory");
	}
	if (!err->code)
		trim_all(&trim, full, report);
	free(trim.list);
	if (err->code || used_now(pool, &after, &full, err) < 0)
		return -err->code;
	text_human_size(before > after ? before - after : 0, freed, sizeof freed);
	return text_add(report, "%s given back\n", freed);
}
