/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's root and its volumes become what a joint snapshot kept, all of them or none. */
#include "machine/life/control.h"
#include "machine/life/volume_use.h"
#include "machine/manage/data.h"
#include "machine/manage/joint_drop.h"
#include "machine/manage/joint_take.h"
#include "machine/manage/replace.h"
#include "machine/state/half.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <stdlib.h>
#include <string.h>

struct returning {
	struct data_opened data; /* owned */
	int use;                 /* owned; keeps runs from beginning to use it; -1 */
	char name[64];           /* its present one */
	char kept[VOLUME_NAME_MAX + 1], next[VOLUME_NAME_MAX + 1];
	bool exchanged;
};

struct restoring {
	struct machine *machine; /* borrowed */
	const char *name;        /* of the snapshot; borrowed */
	struct pool pool;        /* owned; of the root */
	struct joint joint;      /* owned */
	struct returning *list;  /* owned; sorted by name */
	size_t count;
};

static void restoring_close(struct restoring *restoring)
{
	for (size_t i = 0; i < restoring->count; i++) {
		scoped_close_fd(&restoring->list[i].use);
		data_opened_close(&restoring->list[i].data);
	}
	free(restoring->list);
	joint_free(&restoring->joint);
	pool_close(&restoring->pool);
}
#define scoped_restoring __attribute__((cleanup(restoring_close)))

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct returning *)a)->name, ((const struct returning *)b)->name);
}

static int lost_part(const struct restoring *restoring, const char *volume, const char *what,
		     struct err *err)
{
	return err_set(err, ENOENT,
		       "snapshot '%s' of machine '%s' was taken with volume '%s', %s; without "
		       "--volumes the root alone is restored",
		       restoring->name, restoring->machine->name, volume, what);
}

/* The cause why a snapshot has no volumes. */
static int no_parts(const struct restoring *restoring, struct err *err)
{
	const struct machine *machine = restoring->machine;
	scoped_pool struct pool pool = { .use_fd = -1 };
	char kept[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (pool_view(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	snapshot_volume(machine->name, restoring->name, kept);
	int r = volume_info(&pool, kept, &info, err);
	if (r == -ENOENT)
		return snapshot_missing(machine, restoring->name, err);
	return r < 0 ? r
		     : err_set(err, ENOENT,
			       "snapshot '%s' of machine '%s' was taken without volumes; without "
			       "--volumes the root alone is restored",
			       restoring->name, machine->name);
}

static int list_parts(struct restoring *restoring, struct err *err)
{
	const struct dirs *dirs = restoring->machine->dirs;

	if (joint_read(restoring->machine, restoring->name, &restoring->joint, err) < 0)
		return -err->code;
	if (!restoring->joint.count)
		return no_parts(restoring, err);
	restoring->list = calloc(restoring->joint.count, sizeof *restoring->list);
	if (!restoring->list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < restoring->joint.count; i++) {
		const struct joint_part *part = &restoring->joint.parts[i];
		struct returning *one = &restoring->list[restoring->count];
		*one = (struct returning){ .data = { .pool.use_fd = -1, .lock = -1 }, .use = -1 };
		restoring->count++;
		int r = joint_find_volume(dirs, part, one->name, err);
		if (r < 0)
			return r == -ENOENT ? lost_part(restoring, part->volume,
							"which is not there any more", err)
					    : r;
		data_snapshot_volume(one->name, part->snapshot, one->kept);
		data_incoming_volume(one->name, one->next);
	}
	qsort(restoring->list, restoring->count, sizeof *restoring->list, by_name);
	return 0;
}

static int refuse_in_use(const struct restoring *restoring, const char *name, struct err *err)
{
	char machine[64];

	return volume_use_find(restoring->machine->dirs, name, NULL, false, machine)
		       ? err_set(err, EBUSY,
				 "volume '%s' cannot be restored: machine '%s' runs with it; stop "
				 "that machine first",
				 name, machine)
		       : 0;
}

static int open_part(struct restoring *restoring, struct returning *one, struct err *err)
{
	const char *const volumes[] = { one->data.volume, NULL };
	struct volume_info info;

	if (data_open_locked(&one->data, restoring->machine->dirs, one->name, err) < 0)
		return -err->code;
	if (volume_info(&one->data.pool, one->kept, &info, &(struct err){ 0 }) < 0)
		return lost_part(restoring, one->name, "which has lost that snapshot", err);
	return refuse_in_use(restoring, one->name, err) < 0 ||
			       volumes_unused(&one->data.pool, volumes, err) < 0
		       ? -err->code
		       : 0;
}

/* The lock of the machine, or -code. All that can be refused is refused here. */
static int open_all(struct restoring *restoring, struct err *err)
{
	struct machine *machine = restoring->machine;
	char kept[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	bool running = false;

	if (list_parts(restoring, err) < 0)
		return -err->code;
	for (size_t i = 0; i < restoring->count; i++) {
		if (open_part(restoring, &restoring->list[i], err) < 0)
			return -err->code;
	}
	scoped_fd int lock = control_lock_ended(machine, &running, err);
	if (lock < 0 || move_check(machine, err) < 0 ||
	    pool_open(&restoring->pool, machine->dirs, machine->config.pool, err) < 0 ||
	    restoring_clear(machine, &restoring->pool, err) < 0)
		return -err->code;
	if (running)
		return err_set(err, EBUSY,
			       "machine '%s' is running; stop it before restoring '%s': berth stop "
			       "%s",
			       machine->name, restoring->name, machine->name);
	snapshot_volume(machine->name, restoring->name, kept);
	if (volume_info(&restoring->pool, kept, &info, err) < 0)
		return -err->code;
	return take_fd(&lock);
}

/* Copies are made before anything is exchanged. The limit of a folder is that of the volume now. */
static int prepare(struct returning *one, struct err *err)
{
	struct pool *pool = &one->data.pool;
	struct volume_info info;

	if (volume_info(pool, one->data.volume, &info, err) < 0 ||
	    volume_destroy(pool, one->next, err) < 0 ||
	    volume_snapshot(pool, one->kept, one->next, err) < 0)
		return -err->code;
	return info.size ? volume_resize(pool, one->next, info.size, err) : 0;
}

static int exchange(struct restoring *restoring, struct returning *one, struct err *err)
{
	one->use = volume_use_hold(restoring->machine->dirs, one->name, err);
	if (one->use < 0 || refuse_in_use(restoring, one->name, err) < 0 ||
	    volume_exchange(&one->data.pool, one->data.volume, one->next, err) < 0)
		return -err->code;
	one->exchanged = true;
	fault_point("joint-exchanged");
	return 0;
}

static int replace_root(struct restoring *restoring, bool *done, struct err *err)
{
	char kept[VOLUME_NAME_MAX + 1];
	const struct replacement by = { .from = &restoring->pool,
					.volume = kept,
					.snapshot = restoring->name,
					.verb = "restore",
					.done = done };

	snapshot_volume(restoring->machine->name, restoring->name, kept);
	return root_replace(restoring->machine, &restoring->pool, &by, err);
}

static void exchange_back(struct restoring *restoring)
{
	for (size_t i = 0; i < restoring->count; i++) {
		struct returning *one = &restoring->list[i];
		if (one->exchanged && volume_exchange(&one->data.pool, one->data.volume, one->next,
						      &(struct err){ 0 }) == 0)
			one->exchanged = false;
	}
}

static int change(struct restoring *restoring, struct err *err)
{
	bool done = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < restoring->count; i++)
		r = prepare(&restoring->list[i], err);
	fault_point("joint-prepared");
	if (r == 0)
		r = half_begin(restoring->machine, restoring->name, err);
	for (size_t i = 0; r == 0 && i < restoring->count; i++)
		r = exchange(restoring, &restoring->list[i], err);
	if (r == 0)
		r = replace_root(restoring, &done, err);
	fault_point("joint-replaced");
	if (r < 0 && !done)
		exchange_back(restoring);
	half_end(restoring->machine);
	/* Old data that cannot be removed now are removed by the next restore. */
	for (size_t i = 0; i < restoring->count; i++)
		volume_destroy(&restoring->list[i].data.pool, restoring->list[i].next,
			       &(struct err){ 0 });
	return r;
}

int joint_restore(struct machine *machine, const char *name, struct err *err)
{
	scoped_restoring struct restoring restoring = { .machine = machine,
							.name = name,
							.pool.use_fd = -1 };
	scoped_fd int lock = open_all(&restoring, err);

	if (lock < 0 || change(&restoring, err) < 0)
		return -err->code;
	for (size_t i = 0; i < restoring.count; i++)
		data_tell(machine->dirs, restoring.list[i].name,
			  &(struct event){ .name = "volume-restored", .snapshot = name });
	return 0;
}
