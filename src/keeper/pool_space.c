/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the thin pool runs out of room. Each keeper looks, so that no daemon has to; the first keeper that sees little
 * room starts `berth _tend`, which does what has to be done. The kernel reports data that fill up. It reports metadata
 * too late, and nothing about the file system under a sparse pool file: for these the keeper looks by a clock.
 */
#include "keeper/keeper.h"

#include "base/backing_fs.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm_thin.h"

#include <fcntl.h>
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
static bool is_watched(const struct keeper *keeper)
{
	char path[128];

	if (text_print(path, sizeof path, "../../locks/tend.%s", keeper->plan.pool) < 0)
		return false;
	scoped_fd int fd = openat(keeper->run, path, O_RDWR | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* The watcher is a grandchild: it serves all machines of the pool, and may outlive this keeper. */
static void start_watcher(struct keeper *keeper)
{
	if (child_detach(-1) == 0)
		verb_exec(keeper, "_tend", NULL, NULL);
}

/* `berth _tend` froze the guest. If it was killed since, only another one will thaw the guest, room or not. */
static bool is_held(const struct keeper *keeper)
{
	return faccessat(keeper->run, "held", F_OK, 0) == 0;
}

static void space_look(struct keeper *keeper)
{
	const struct keeper_plan *plan = &keeper->plan;
	struct dm_pool_status status;
	struct backing_fs backing;
	struct dm_line line;

	keeper->space_due = keeper->space_due ? clock_ms() + AGAIN_MS : 0;
	if (dm_status(&keeper->dm, plan->thin_pool, 0, &line) < 0 ||
	    dm_pool_parse(line.params, &status) < 0)
		return;
	bool low = is_low(&status) || is_held(keeper);
	int pause = dm_pool_metadata_pause(&status, LOW_PERCENT);
	if (*plan->pool_file && backing_fs_look(plan->pool_file, &backing) == 0) {
		low = low || is_backing_fs_low(&backing, &status, line.length * DM_SECTOR);
		pause = sooner(pause, backing_fs_pause(&backing));
	}
	/* `berth _tend` may have been killed meanwhile. */
	if (low)
		pause = AGAIN_MS;
	if (low && !keeper->space_low)
		log_line("pool '%s' has little room", plan->pool);
	keeper->space_low = low;
	keeper->space_due = pause < 0 ? 0 : clock_ms() + pause;
	if (low && !is_watched(keeper))
		start_watcher(keeper);
}

int space_timeout(const struct keeper *keeper)
{
	if (!keeper->space_due)
		return -1;
	int64_t left = keeper->space_due - clock_ms();
	return left < 0 ? 0 : (int)left;
}

void space_check(struct keeper *keeper)
{
	if (keeper->space_due && keeper->space_due <= clock_ms())
		space_look(keeper);
}

static void space_ready(struct keeper *keeper, struct source *source)
{
	(void)source;
	dm_arm(&keeper->dm);
	space_look(keeper);
}

void space_watch(struct keeper *keeper)
{
	if (!*keeper->plan.thin_pool || dm_open(&keeper->dm) < 0)
		return;
	keeper->space = (struct source){ keeper->dm.fd, space_ready };
	dm_arm(&keeper->dm);
	loop_watch(keeper, &keeper->space, EPOLLIN);
	space_look(keeper);
}
