/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New volumes of a thin pool: empty ones, and clones, also of running machines. */
#include "base/backing_fs.h"
#include "base/child.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/partial.h"
#include "storage/thin/thin.h"

#include <fcntl.h>
#include <signal.h>

enum {
	RESERVE_PART = 20, /* a 20th of the data, which new volumes leave to the existing ones */
	RESERVE_METADATA_PART = 10,
};

/* The same reserve in the file system below a sparse file, from figures of the file alone. */
static int admit_below(const struct pool *pool, struct err *err)
{
	struct backing_fs backing;

	if (!pool->config.size || backing_fs_look(pool->config.source, &backing) < 0 ||
	    backing.holes <= backing.free)
		return 0;
	uint64_t whole = backing.size - backing.holes + backing.free;
	if (backing.free > whole / RESERVE_PART && backing.free > backing_fs_least(backing.size))
		return 0;
	return err_set(
		err, ENOSPC,
		"the file system of '%s' has little left, which is kept for the volumes that "
		"are there; make room there",
		pool->config.source);
}

/* The rest is for existing volumes: they must not meet a full pool. */
static int admit(const struct pool *pool, const struct dm_pool_status *status, struct err *err)
{
	if (status->data_total - status->data_used <= status->data_total / RESERVE_PART)
		return err_set(err, ENOSPC,
			       "the pool is full to %u%%, and what is left is kept for the volumes "
			       "that are there; delete snapshots or machines, or make it larger: "
			       "berth pool grow %s",
			       (unsigned)(status->data_used * 100.0 / (double)status->data_total),
			       pool->name);
	if (admit_below(pool, err) < 0)
		return -err->code;
	if (status->metadata_total - status->metadata_used <=
	    status->metadata_total / RESERVE_METADATA_PART)
		return err_set(err, ENOSPC,
			       "the pool's metadata is full to %u%%; delete snapshots or machines, "
			       "or make it larger: berth pool grow --metadata SIZE %s",
			       (unsigned)(status->metadata_used * 100.0 /
					  (double)status->metadata_total),
			       pool->name);
	return 0;
}

/* The error is that of the change. If undoing fails too, the next change undoes it. */
static int give_up(struct pool *pool, struct thin_session *session)
{
	struct err ignored = { 0 };

	thin_recover(pool, session, &ignored);
	return -1;
}

/*
 * Starts a process that resumes the origin if this one is killed: the machine on it stands still until somebody does.
 * The process also holds the lock, so that it has finished before the next command begins. The end of this process
 * closes the pipe that is returned. If no process can be started, the next command resumes the origin.
 */
static int post_guard(struct pool *pool, const struct catalog_intent *intent, pid_t *pid)
{
	int ends[2];
	char c;

	*pid = -1;
	if (!intent->suspended || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*pid = fork();
	if (*pid == 0) {
		close(ends[1]);
		if (read(ends[0], &c, 1) == 0)
			thin_resume(pool, intent->origin);
		_exit(0);
	}
	close(ends[0]);
	return ends[1];
}

static void relieve_guard(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		child_wait(pid);
}

/* Sends the messages of a new volume, between its intent and the step. 0 or -errno. */
static int snapshot_now(struct pool *pool, const struct catalog_intent *intent)
{
	pid_t pid;
	scoped_fd int guard = post_guard(pool, intent, &pid);
	bool suspends = intent->suspended && !fault_control("no-suspend");
	int r = suspends ? thin_suspend(pool, intent->origin) : 0;

	fault_point("thin-suspended");
	if (r == 0)
		r = thin_message(pool, "create_snap %llu %llu", (unsigned long long)intent->id,
				 (unsigned long long)intent->origin);
	fault_point("thin-snapped");
	/* Resumes first, before anything else can fail; also after a suspend that failed half-way. */
	int woken = intent->suspended ? thin_resume(pool, intent->origin) : 0;
	fault_point("thin-resumed");
	relieve_guard(pid);
	return r < 0 ? r : woken;
}

static int make_now(struct pool *pool, const struct thin_session *session, uint64_t id,
		    const struct catalog_volume *origin)
{
	if (origin)
		return snapshot_now(pool, &session->head.intent);
	return thin_message(pool, "create_thin %llu", (unsigned long long)id);
}

/* A deliberate mistake for a test: the pool changes, and no intent is written. */
static int make_too_soon(struct pool *pool, uint64_t id, const struct catalog_volume *origin)
{
	if (origin)
		return thin_message(pool, "create_snap %llu %llu", (unsigned long long)id,
				    (unsigned long long)origin->id);
	return thin_message(pool, "create_thin %llu", (unsigned long long)id);
}

/*
 * Checks an id that an earlier volume may have had: an object without an owner may have it, and the recovery of a
 * killed command would remove that object. So the pool is asked first, and an existing object is kept.
 */
static int clear_id(struct pool *pool, struct thin_session *session, struct err *err)
{
	uint64_t id;

	if (session->head.next_id <= CATALOG_ID_MAX)
		return 0;
	for (;;) {
		if (catalog_next_id(session->catalog, &id, err) < 0)
			return -err->code;
		int there = thin_has(pool, id, err);
		if (there <= 0)
			return there;
		if (catalog_quarantine(session->catalog, id, err) < 0)
			return -err->code;
	}
}

/* Makes both transactions of a new volume; origin NULL: it is empty. */
static int make_volume(struct pool *pool, struct thin_session *session, const char *name,
		       uint64_t size, const struct catalog_volume *origin, struct err *err)
{
	struct dm_info info;
	bool active = origin && thin_active(pool, origin->id, &info);
	bool too_soon = fault_control("pool-first");
	uint64_t id = 0;

	if (admit(pool, &session->status, err) < 0 ||
	    (!pool_is_reserve(name) &&
	     thin_admit_promise(pool, session, origin ? origin->size : size, err) < 0) ||
	    clear_id(pool, session, err) < 0)
		return -err->code;
	fault_point("thin-make");
	int r = too_soon ? make_too_soon(pool, session->head.next_id, origin) : 0;
	if (catalog_intend_volume(session->catalog, name, size, origin, active, &id, err) < 0 ||
	    catalog_read_head(session->catalog, &session->head, err) < 0)
		return -err->code;
	fault_point("thin-intended");
	if (!too_soon)
		r = make_now(pool, session, id, origin);
	fault_point("thin-made");
	if (r < 0) {
		err_set(err, -r, "make '%s': %s", name, dm_why(r));
		/* An id that exists already is not removed. */
		if (r == -EEXIST)
			catalog_abandon(session->catalog, true, &(struct err){ 0 });
		else
			give_up(pool, session);
		return -err->code;
	}
	if (thin_commit(pool, session, err) < 0) {
		give_up(pool, session);
		return -err->code;
	}
	return 0;
}

int thin_snapshot(struct pool *pool, const char *origin, const char *name, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume from, taken;
	struct err ignored = { 0 };

	if (thin_enter(pool, &session, err) < 0 ||
	    thin_find_volume(session.catalog, origin, &from, "clone it", err) < 0 ||
	    thin_refuse_lost(pool, &from, err) < 0)
		return -err->code;
	if (catalog_find(session.catalog, name, &taken, &ignored) == 0)
		return storage_fail(err, -EEXIST, "clone it to '%s'", name);
	return make_volume(pool, &session, name, 0, &from, err);
}

static uint64_t choose_size(struct pool *pool, const struct dm_pool_status *status, uint64_t size)
{
	uint64_t block = thin_of(pool)->layout.block * DM_SECTOR;
	uint64_t whole = status->data_total * block;

	if (!size)
		size = pool->config.volume_size < whole ? pool->config.volume_size : whole;
	return (size + block - 1) / block * block;
}

/* The device of a new, empty volume with that name. */
static int make_empty(struct pool *pool, const char *name, uint64_t size, dev_t *dev,
		      struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume;

	if (thin_look(pool, err) < 0 || thin_enter(pool, &session, err) < 0)
		return -err->code;
	size = choose_size(pool, &session.status, size);
	if (make_volume(pool, &session, name, size, NULL, err) < 0 ||
	    thin_find_volume(session.catalog, name, &volume, "make it", err) < 0)
		return -err->code;
	fault_point("thin-create-activate");
	return thin_activate(pool, &volume, dev, err);
}

int thin_create_blank(struct pool *pool, const char *name, uint64_t size, int *fd, struct err *err)
{
	dev_t dev;

	if (make_empty(pool, name, size, &dev, err) < 0)
		return -err->code;
	*fd = dm_open_device(dev, O_RDWR);
	return *fd < 0 ? storage_fail(err, *fd, "open its device") : 0;
}

/* Formats without the lock, because no command looks at a name in the making. */
static int make_formatted(struct pool *pool, const char *name, uint64_t size, struct err *err)
{
	dev_t dev;

	if (make_empty(pool, name, size, &dev, err) < 0)
		return -err->code;
	fault_point("thin-create-mkfs");
	if (thin_make_filesystem(pool, dev, err) < 0)
		return -err->code;
	fault_point("thin-create-formatted");
	return pool->ops->deactivate(pool, name, err);
}

int thin_create(struct pool *pool, const char *name, uint64_t size, struct err *err)
{
	struct partial partial;
	struct volume_info info;

	if (partial_is(name))
		return make_formatted(pool, name, size, err);
	/* An early check, before the work; the rename at the end decides. */
	if (pool->ops->info(pool, name, &info, &(struct err){ 0 }) == 0)
		return storage_fail(err, -EEXIST, "make it");
	if (partial_begin(pool, name, &partial, err) < 0)
		return -err->code;
	if (make_formatted(pool, partial.name, size, err) < 0 ||
	    pool->ops->rename(pool, partial.name, name, err) < 0) {
		partial_abandon(pool, &partial);
		return -err->code;
	}
	partial_end(&partial);
	return 0;
}
