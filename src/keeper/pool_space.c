/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a thin pool that the machine writes to runs out of room. Each keeper looks, so that no daemon has to; the
 * first keeper that sees little room starts `berth _tend`, which does what has to be done. The kernel reports data that
 * fill up. It reports metadata too late, and nothing about the file system under a sparse pool file: for these the
 * keeper looks by a clock.
 */
#include "keeper/keeper.h"

#include "base/backing_fs.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm_thin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <unistd.h>

enum { LOW_PERCENT = 80, AGAIN_MS = 5000 };

static bool is_low(const struct dm_pool_status *status)
{
	return status->mode != DM_POOL_WRITE ||
	       status->data_used * 100 >= status->data_total * LOW_PERCENT ||
	       status->metadata_used * 100 >= status->metadata_total * LOW_PERCENT;
}

/* size: of the pool's data, bytes. */
static bool is_backing_fs_low(const struct backing_fs *backing, const struct dm_pool_status *status,
			      uint64_t size)
{
	double part =
		status->data_total ? (double)status->data_used / (double)status->data_total : 0;
	uint64_t used = (uint64_t)(part * (double)size);

	uint64_t limit = backing_fs_limit(backing, size, used);

	return limit < size &&
	       (used * 100 >= limit * LOW_PERCENT || limit - used <= 4 * backing_fs_least(size));
}

/* The sooner of two; -1: never. */
static int sooner(int one, int other)
{
	return one < 0 || (other >= 0 && other < one) ? other : one;
}

/* `berth _tend` holds the lock RUN/locks/tend.POOL; the run folder is RUN/machines/NAME. */
static bool is_watched(const struct keeper *keeper, const struct watched_pool *pool)
{
	char path[128];

	if (text_print(path, sizeof path, "../../locks/tend.%s", pool->name) < 0)
		return false;
	return lock_is_held(keeper->run, path);
}

/* The watcher is a grandchild: it serves all machines of the pool, and may outlive this keeper. */
static void start_watcher(struct keeper *keeper, const struct watched_pool *pool)
{
	if (child_detach(-1) == 0)
		verb_exec(keeper, "_tend", pool->name, NULL);
}

/*
 * `berth _tend` of this pool froze the guest. If it was killed since, only another one will thaw the guest, room or
 * not. The first line of the mark is the pool's name; a mark of an earlier version has only the reason.
 */
static bool is_held(const struct keeper *keeper, const struct watched_pool *pool)
{
	scoped_free char *mark = NULL;

	if (file_read(keeper->run, "held", 4096, &mark) < 0)
		return false;
	char *reason = mark;
	const char *name = strsep(&reason, "\n");
	return !reason || strcmp(name, pool->name) == 0;
}

static void look(struct keeper *keeper, struct watched_pool *pool)
{
	struct dm_pool_status status;
	struct backing_fs backing;
	struct dm_line line;

	pool->due = pool->due ? clock_ms() + AGAIN_MS : 0;
	if (dm_status(&keeper->dm, pool->device, 0, &line) < 0 ||
	    dm_pool_parse(line.params, &status) < 0)
		return;
	bool low = is_low(&status) || is_held(keeper, pool);
	int pause = dm_pool_metadata_pause(&status, LOW_PERCENT);
	if (*pool->file && backing_fs_look(pool->file, &backing) == 0) {
		low = low || is_backing_fs_low(&backing, &status, line.length * DM_SECTOR);
		pause = sooner(pause, backing_fs_pause(&backing));
	}
	/* `berth _tend` may have been killed meanwhile. */
	if (low)
		pause = AGAIN_MS;
	if (low && !pool->low)
		log_line("pool '%s' has little room", pool->name);
	pool->low = low;
	pool->due = pause < 0 ? 0 : clock_ms() + pause;
	if (low && !is_watched(keeper, pool))
		start_watcher(keeper, pool);
}

int space_timeout(const struct keeper *keeper)
{
	int64_t now = 0;
	int least = -1;

	for (const struct watched_pool *pool = keeper->pools; pool; pool = pool->next) {
		if (!pool->due)
			continue;
		now = now ? now : clock_ms();
		least = sooner(least, pool->due < now ? 0 : (int)(pool->due - now));
	}
	return least;
}

void space_check(struct keeper *keeper)
{
	for (struct watched_pool *pool = keeper->pools; pool; pool = pool->next) {
		if (pool->due && pool->due <= clock_ms())
			look(keeper, pool);
	}
}

static void look_at_all(struct keeper *keeper)
{
	for (struct watched_pool *pool = keeper->pools; pool; pool = pool->next)
		look(keeper, pool);
}

static void space_ready(struct keeper *keeper, struct source *source)
{
	(void)source;
	dm_arm(&keeper->dm);
	look_at_all(keeper);
}

/* The keeper of a machine without a thin pool sleeps while device-mapper reports what others do. */
static void leave(struct keeper *keeper)
{
	if (keeper->space.fd < 0)
		return;
	event_loop_ignore(keeper, &keeper->space);
	dm_close(&keeper->dm);
	keeper->space.fd = -1;
}

static bool begin(struct keeper *keeper)
{
	if (keeper->space.fd >= 0)
		return true;
	if (dm_open(&keeper->dm) < 0)
		return false;
	keeper->space = (struct source){ keeper->dm.fd, space_ready };
	dm_arm(&keeper->dm);
	event_loop_watch(keeper, &keeper->space, EPOLLIN);
	return true;
}

void space_watch(struct keeper *keeper)
{
	pools_read(keeper);
	if (!keeper->pools)
		leave(keeper);
	else if (begin(keeper))
		look_at_all(keeper);
}
