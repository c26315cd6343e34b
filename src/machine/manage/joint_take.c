/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's root and the volumes that it may write to are kept as they are at one moment. */
#include "machine/manage/joint_take.h"

#include "machine/manage/joint_drop.h"
#include "machine/manage/manage.h"
#include "machine/manage/quiesce.h"
#include "machine/state/fresh.h"
#include "machine/state/move.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"
#include "storage/driver.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <stdlib.h>
#include <string.h>

static void undo_one(struct joint_taken *taken)
{
	if (taken->begun)
		partial_abandon(taken->pool, &taken->partial);
	else if (taken->named)
		volume_destroy(taken->pool, taken->wanted, &(struct err){ 0 });
	taken->begun = taken->named = false;
}

static void undo(struct joint_taking *taking)
{
	undo_one(&taking->root);
	for (size_t i = 0; i < taking->count; i++)
		undo_one(&taking->volumes[i].taken);
}

static void taking_close(struct joint_taking *taking)
{
	for (size_t i = 0; i < taking->count; i++)
		data_opened_close(&taking->volumes[i].from);
	free(taking->volumes);
	pool_close(&taking->pool);
}
#define scoped_joint_taking __attribute__((cleanup(taking_close)))

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct joint_taken_volume *)a)->name,
		      ((const struct joint_taken_volume *)b)->name);
}

/*
 * A volume that the machine only reads is left out, unless it is asked for: its data belong to the moment of the machine
 * that writes to it.
 */
static bool is_taken(const struct joint_taking *taking, const struct section *at)
{
	return taking->read || !((const struct attached_config *)at)->readonly;
}

static int list_volumes(struct joint_taking *taking, struct err *err)
{
	for (const struct section *at = taking->machine->config.volumes; at; at = at->next) {
		if (!is_taken(taking, at))
			continue;
		struct joint_taken_volume *list =
			realloc(taking->volumes, (taking->count + 1) * sizeof *list);
		if (!list)
			return err_set(err, ENOMEM, "out of memory");
		taking->volumes = list;
		list[taking->count] =
			(struct joint_taken_volume){ .from = { .pool.use_fd = -1, .lock = -1 } };
		text_print(list[taking->count++].name, sizeof list->name, "%s", at->name);
	}
	if (taking->count > 0)
		qsort(taking->volumes, taking->count, sizeof *taking->volumes, by_name);
	return 0;
}

static int refuse_volume(const struct joint_taken_volume *one, struct err *err)
{
	return err_wrap(err, "volume '%s' cannot be kept, and --no-volumes leaves it out",
			one->name);
}

static int open_volume(struct joint_taken_volume *one, const struct joint_taking *taking,
		       struct err *err)
{
	struct joint_taken *taken = &one->taken;
	struct volume_info info;

	if (data_open_locked(&one->from, taking->machine->dirs, one->name, err) < 0)
		return refuse_volume(one, err);
	taken->pool = &one->from.pool;
	memcpy(taken->origin, one->from.volume, sizeof taken->origin);
	if (volume_info(taken->pool, taken->origin, &info, err) < 0)
		return refuse_volume(one, err);
	if (!taking->name)
		return 0;
	data_snapshot_volume(one->name, taking->name, taken->wanted);
	return volume_info(taken->pool, taken->wanted, &info, &(struct err){ 0 }) == 0
		       ? err_set(err, EEXIST,
				 "volume '%s' has a snapshot '%s' already; choose another name, or "
				 "leave the volumes out: --no-volumes",
				 one->name, taking->name)
		       : 0;
}

static int check_root(struct joint_taking *taking, struct err *err)
{
	struct machine *machine = taking->machine;
	struct volume_info info;

	if (taking->name &&
	    volume_info(&taking->pool, taking->root.wanted, &info, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' has a snapshot '%s' already; choose another name",
			       machine->name, taking->name);
	int r = volume_info(&taking->pool, taking->root.origin, &info, err);
	return r == -ENOENT ? parts_lost_volume(machine, err) : r;
}

/*
 * The locks of volumes come before that of the machine, and the list of them is the machine's: it must not have
 * changed.
 */
static int check_list(const struct joint_taking *taking, struct err *err)
{
	scoped_machine struct machine now = { 0 };
	size_t count = 0;

	if (machine_read(&now, taking->machine->dirs, taking->machine->name, err) < 0)
		return -err->code;
	for (const struct section *at = now.config.volumes; at; at = at->next)
		count += is_taken(taking, at);
	for (size_t i = 0; count == taking->count && i < count; i++) {
		const struct section *at =
			config_section(now.config.volumes, taking->volumes[i].name);
		count += !at || !is_taken(taking, at);
	}
	return count == taking->count
		       ? 0
		       : err_set(err, EAGAIN,
				 "another command changed the volumes of machine '%s'; try again",
				 taking->machine->name);
}

/* Snapshots that a killed command has left would have the names that are wanted now. */
static int clear_up(struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	joint_clear(machine, &pool);
	return 0;
}

static int open_all(struct joint_taking *taking, struct err *err)
{
	struct machine *machine = taking->machine;

	if (clear_up(machine, err) < 0 || list_volumes(taking, err) < 0)
		return -err->code;
	for (size_t i = 0; i < taking->count; i++) {
		if (open_volume(&taking->volumes[i], taking, err) < 0)
			return -err->code;
	}
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0 || move_check(machine, err) < 0 || check_list(taking, err) < 0 ||
	    pool_open(&taking->pool, machine->dirs, machine->config.pool, err) < 0 ||
	    restoring_clear(machine, &taking->pool, err) < 0)
		return -err->code;
	taking->root.pool = &taking->pool;
	machine_volume(machine->name, taking->root.origin);
	if (taking->name)
		snapshot_volume(machine->name, taking->name, taking->root.wanted);
	return check_root(taking, err) < 0 ? -err->code : take_fd(&lock);
}

/* ---- The moment */

static int begin_one(struct joint_taken *taken, struct err *err)
{
	if (partial_begin(taken->pool, taken->origin, &taken->partial, err) < 0)
		return -err->code;
	taken->begun = true;
	return 0;
}

static int take_one(struct joint_taken *taken, struct err *err)
{
	int r = volume_lock(taken->pool, taken->origin, VOLUME_LOCK_READ, err);

	if (r < 0)
		return r;
	r = taken->pool->ops->snapshot(taken->pool, taken->origin, taken->partial.name, err);
	volume_release(taken->pool, taken->origin);
	return r;
}

static int take_all(struct joint_taking *taking, bool quiet, struct err *err)
{
	if (quiet && quiesce_flush(taking->root.pool, taking->root.origin, err) < 0)
		return -err->code;
	for (size_t i = 0; i < taking->count; i++) {
		struct joint_taken *taken = &taking->volumes[i].taken;
		if (quiet && quiesce_flush(taken->pool, taken->origin, err) < 0)
			return -err->code;
	}
	for (size_t i = 0; i < taking->count; i++) {
		if (take_one(&taking->volumes[i].taken, err) < 0)
			return -err->code;
	}
	return take_one(&taking->root, err);
}

/* Several copies are of one moment only if nothing writes in between. lock: taken over. */
static int take_still(struct joint_taking *taking, int lock, bool quiet, struct err *err)
{
	struct err moved = { 0 };
	struct quiesce still;

	if (quiesce_begin(&still, taking->machine, NULL, lock, err) < 0)
		return -err->code;
	int r = take_all(taking, quiet, err);
	if (quiesce_end(&still, taking->machine, &moved) < 0 && r == 0) {
		*err = moved;
		r = -err->code;
	}
	return r;
}

/* ---- The names */

static int name_one(struct joint_taken *taken, struct err *err)
{
	if (taken->pool->ops->rename(taken->pool, taken->partial.name, taken->wanted, err) < 0)
		return -err->code;
	partial_end(&taken->partial);
	taken->begun = false;
	taken->named = true;
	return 0;
}

static int record(struct joint_taking *taking, struct err *err)
{
	scoped_joint struct joint joint = {
		.parts = calloc(taking->count, sizeof *joint.parts),
		.count = taking->count,
	};

	if (!joint.parts)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < taking->count; i++) {
		struct joint_taken_volume *one = &taking->volumes[i];
		struct joint_part *part = &joint.parts[i];
		struct volume_info info;
		if (one->taken.pool->ops->info(one->taken.pool, one->taken.partial.name, &info,
					       err) < 0)
			return -err->code;
		text_print(part->volume, sizeof part->volume, "%s", one->name);
		text_print(part->uuid, sizeof part->uuid, "%s", one->from.uuid);
		text_print(part->snapshot, sizeof part->snapshot, "%s", taking->name);
		part->created = info.created;
	}
	return joint_write(taking->machine, taking->name, &joint, err);
}

/* The machine has run on, so that another command may have taken a snapshot of that name. */
static int name_all(struct joint_taking *taking, struct err *err)
{
	scoped_fd int lock = machine_lock(taking->machine, LOCK_SECONDS, err);

	if (lock < 0 || check_root(taking, err) < 0 ||
	    fresh_note(taking->machine, taking->name, err) < 0 || record(taking, err) < 0)
		return -err->code;
	fault_point("joint-recorded");
	int r = 0;
	for (size_t i = 0; r == 0 && i < taking->count; i++) {
		r = name_one(&taking->volumes[i].taken, err);
		fault_point("joint-volume");
	}
	if (r == 0)
		r = name_one(&taking->root, err);
	fault_point("joint-done");
	if (r < 0) {
		undo(taking);
		joint_forget(taking->machine, taking->name);
	}
	return r;
}

static void tell(const struct joint_taking *taking)
{
	machine_tell(taking->machine,
		     &(struct event){ .name = "snapshot-taken", .snapshot = taking->name });
	for (size_t i = 0; i < taking->count; i++)
		data_tell(taking->machine->dirs, taking->volumes[i].name,
			  &(struct event){ .name = "volume-snapshot-taken",
					   .snapshot = taking->name });
}

int joint_take_moment(struct joint_taking *taking, bool quiet, struct err *err)
{
	scoped_fd int lock = open_all(taking, err);

	int r = lock < 0 ? lock : begin_one(&taking->root, err);
	for (size_t i = 0; r == 0 && i < taking->count; i++)
		r = begin_one(&taking->volumes[i].taken, err);
	if (r == 0)
		r = take_still(taking, take_fd(&lock), quiet, err);
	fault_point("joint-taken");
	return r;
}

void joint_take_end(struct joint_taking *taking)
{
	undo(taking);
	taking_close(taking);
}

int joint_take(struct machine *machine, const char *name, unsigned how, struct err *err)
{
	scoped_joint_taking struct joint_taking taking = {
		.machine = machine, .name = name, .read = how & SNAPSHOT_READ, .pool.use_fd = -1
	};
	int r = joint_take_moment(&taking, how & SNAPSHOT_QUIET, err);

	if (r == 0)
		r = name_all(&taking, err);
	if (r < 0)
		undo(&taking);
	else
		tell(&taking);
	return r;
}
