/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removed volumes are freed in pieces. To free a tree of 10^5 files at once makes each fsync on the same file system
 * wait for seconds: btrfs has one transaction for all, and a journal has one queue. The volume's name marks it as
 * removed, and is the only state: after a kill or a power cut the next command goes on.
 */
#include "base/clock.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/partial.h"
#include "storage/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum { PAUSE_MIN_MS = 20, PAUSE_MAX_MS = 1000 };

struct round {
	struct pool *pool;
	bool more; /* something is left that this process may free */
	struct err why;
};

/* Nonzero: a piece was freed. */
static int free_piece(void *context, const char *name)
{
	struct round *round = context;
	struct partial partial;

	if (!partial_is(name) || partial_claim(round->pool, name, &partial) < 0)
		return 0;
	struct err err = { 0 };
	int r = round->pool->ops->free(round->pool, name, &err);
	if (r == 0)
		partial_end(&partial);
	else
		partial_leave(&partial);
	/* A volume that cannot be freed is skipped, and does not keep the others. */
	if (r < 0 && !round->why.code)
		round->why = err;
	round->more = r >= 0;
	return r >= 0;
}

/*
 * Frees one piece in the pool: 1; 0: nothing is left. The pool is only held for that time, and not attached, so that no
 * detach or delete has to wait.
 */
static int free_in(const struct dirs *dirs, const char *name, bool *full)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct round round = { .pool = &pool };
	struct err ignored = { 0 };

	*full = false;
	if (pool_open_held(&pool, dirs, name, LOCK_SH, &ignored) < 0 || !pool.ops->free ||
	    pool.ops->scan(&pool, free_piece, &round, &ignored) <= 0 || !round.more)
		return 0;
	*full = pool_is_full(&pool);
	return 1;
}

/*
 * The pause is as long as the work, so that others get half of the disk; a full pool gets no pause, because somebody
 * waits for room.
 */
static void leave_room(int64_t ms)
{
	ms = ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

struct freeing {
	const struct dirs *dirs;
	unsigned pieces;
};

static int free_pool(void *context, const char *name)
{
	struct freeing *freeing = context;
	bool full = false;

	for (;; freeing->pieces++) {
		int64_t began = clock_ms();
		if (free_in(freeing->dirs, name, &full) == 0)
			return 0;
		if (!full)
			leave_room(clock_ms() - began);
	}
}

static int is_removed(void *context, const char *name)
{
	bool *found = context;

	*found = partial_is_removed(name);
	return *found;
}

static int has_more(void *context, const char *name)
{
	const struct freeing *freeing = context;
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };
	bool found = false;

	return pool_open_held(&pool, freeing->dirs, name, LOCK_SH, &ignored) == 0 &&
	       pool.ops->free && pool.ops->scan(&pool, is_removed, &found, &ignored) > 0 && found;
}

int pool_free_all(const struct dirs *dirs, struct err *err)
{
	struct freeing freeing = { .dirs = dirs };

	/* Volumes that cannot be freed are no reason to go on. */
	for (unsigned idle = 0; idle < 2; idle = freeing.pieces ? 0 : idle + 1) {
		scoped_fd int lock = dirs_lock(dirs, "freeing", 0, "what is removed", err);
		if (lock < 0)
			return err->code == EBUSY || err->code == EWOULDBLOCK
				       ? (*err = (struct err){ 0 }, 0)
				       : lock;
		freeing.pieces = 0;
		if (pool_list(dirs, free_pool, &freeing, err) < 0)
			return -err->code;
		scoped_close_fd(&lock);
		/*
		 * A command that has removed a volume since the last look found the lock taken, and relies on this
		 * process.
		 */
		if (pool_list(dirs, has_more, &freeing, err) <= 0)
			return -err->code;
	}
	return 0;
}
