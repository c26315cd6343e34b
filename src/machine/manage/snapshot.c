/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's root at one moment. The pool's list of volumes is the only record, so none can be lost. */
#include "machine/life/control.h"
#include "machine/manage/follow_name.h"
#include "machine/manage/joint_drop.h"
#include "machine/manage/joint_take.h"
#include "machine/manage/manage.h"
#include "machine/manage/quiesce.h"
#include "machine/manage/replace.h"
#include "machine/state/content.h"
#include "machine/state/fresh.h"
#include "machine/state/half.h"
#include "machine/state/move.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <string.h>

static int check_name(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	return fault ? err_set(err, EINVAL, "snapshot name '%.80s' %s", name, fault) : 0;
}

static int open_pool(struct machine *machine, struct pool *pool, struct err *err)
{
	if (machine_check(machine, err) < 0)
		return -err->code;
	return pool_open(pool, machine->dirs, machine->config.pool, err);
}

static int view_pool(struct machine *machine, struct pool *pool, struct err *err)
{
	if (machine_check(machine, err) < 0)
		return -err->code;
	return pool_view(pool, machine->dirs, machine->config.pool, err);
}

/* Opens the machine for a change, under its lock; the remains of a killed restore are removed first. */
static int open_settled(struct machine *machine, struct pool *pool, struct err *err)
{
	return open_pool(machine, pool, err) < 0 ? -err->code : restoring_clear(machine, pool, err);
}

static int find(struct machine *machine, struct pool *pool, const char *name, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (check_name(name, err) < 0)
		return -err->code;
	snapshot_volume(machine->name, name, volume);
	int r = volume_info(pool, volume, &info, err);
	return r == -ENOENT ? snapshot_missing(machine, name, err) : r;
}

int snapshot_exists(struct machine *machine, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };

	return open_pool(machine, &pool, err) < 0 ? -err->code : find(machine, &pool, name, err);
}

static int tell(struct machine *machine, const char *event, const char *name)
{
	machine_tell(machine, &(struct event){ .name = event, .snapshot = name });
	return 0;
}

static int take_still(struct machine *machine, struct pool *pool, const char *origin,
		      const char *volume, int lock, bool quiet, struct err *err)
{
	struct err moved = { 0 };
	struct quiesce still;

	if (quiesce_begin(&still, machine, quiet ? NULL : pool, lock, err) < 0)
		return -err->code;
	int r = quiet ? quiesce_flush(pool, origin, err) : 0;
	if (r == 0)
		r = volume_snapshot(pool, origin, volume, err);
	if (quiesce_end(&still, machine, &moved) < 0 && r == 0) {
		volume_destroy(pool, volume, &(struct err){ 0 });
		*err = moved;
		r = -err->code;
	}
	return r;
}

static bool takes_volumes(const struct machine *machine, unsigned how)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		if (how & SNAPSHOT_READ || !((const struct attached_config *)at)->readonly)
			return how & SNAPSHOT_VOLUMES;
	}
	return false;
}

static int take_root(struct machine *machine, const char *name, bool quiet, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char origin[VOLUME_NAME_MAX + 1], volume[VOLUME_NAME_MAX + 1];
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || move_check(machine, err) < 0 || open_settled(machine, &pool, err) < 0)
		return -err->code;
	machine_volume(machine->name, origin);
	snapshot_volume(machine->name, name, volume);
	struct volume_info info;
	/* A snapshot that exists keeps its mark. */
	if (volume_info(&pool, volume, &info, &(struct err){ 0 }) < 0 &&
	    fresh_note(machine, name, err) < 0)
		return -err->code;
	int r = take_still(machine, &pool, origin, volume, take_fd(&lock), quiet, err);
	if (r == -ENOENT)
		return parts_lost_volume(machine, err);
	if (r == -EEXIST) {
		*err = (struct err){ 0 };
		return err_set(err, EEXIST,
			       "machine '%s' has a snapshot '%s' already; choose another name",
			       machine->name, name);
	}
	return r < 0 ? r : tell(machine, "snapshot-taken", name);
}

int snapshot_take(struct machine *machine, const char *name, unsigned how, struct err *err)
{
	if (check_name(name, err) < 0 || machine_check(machine, err) < 0)
		return -err->code;
	return takes_volumes(machine, how) ? joint_take(machine, name, how, err)
					   : take_root(machine, name, how & SNAPSHOT_QUIET, err);
}

int snapshot_list(struct machine *machine, struct snapshot_entry **list, size_t *count,
		  struct err *err)
{
	const struct subject subject = subject_machine(machine);
	scoped_pool struct pool pool = { 0 };

	return view_pool(machine, &pool, err) < 0
		       ? -err->code
		       : subject_snapshots(&subject, &pool, list, count, err);
}

int snapshot_delete(struct machine *machine, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || open_settled(machine, &pool, err) < 0 ||
	    find(machine, &pool, name, err) < 0)
		return -err->code;
	snapshot_volume(machine->name, name, volume);
	/* The snapshot may be in use as a volume, which is checked before anything is changed. */
	int r = root_check_unused(&pool, volume, "delete a snapshot of", machine, err);
	if (r == 0)
		r = volume_destroy(&pool, volume, err);
	if (r < 0)
		return r;
	fresh_forget(machine, name);
	content_forget(machine->folder, name);
	joint_drop(machine, &pool, name);
	return tell(machine, "snapshot-deleted", name);
}

/* The notes under the new name come first; without a snapshot of that name and time they do not count. */
static int rename_notes(const struct machine *machine, const char *name, const char *to,
			uint64_t created, struct err *err)
{
	struct content content;

	content_forget(machine->folder, to);
	int r = content_find(machine->folder, name, created, &content, err);
	if (r == 0)
		r = content_keep(machine->folder, to, created, &content, err);
	if ((r < 0 && err->code) || joint_copy(machine, name, to, err) < 0)
		return -err->code;
	return fresh_copy(machine, name, to, err);
}

static int rename_volume(const struct machine *machine, struct pool *pool, const char *name,
			 const char *to, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1], wanted[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	snapshot_volume(machine->name, name, volume);
	snapshot_volume(machine->name, to, wanted);
	if (volume_info(pool, wanted, &info, &(struct err){ 0 }) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' has a snapshot '%s' already; choose another name",
			       machine->name, to);
	if (volume_info(pool, volume, &info, err) < 0 ||
	    volume_lock(pool, volume, VOLUME_LOCK_CHANGE, err) < 0 ||
	    rename_notes(machine, name, to, info.created, err) < 0)
		return -err->code;
	fault_point("rename-snapshot");
	return volume_rename(pool, volume, wanted, err);
}

int snapshot_rename(struct machine *machine, const char *name, const char *to, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	scoped_free char *from_origin = text_format("%s@%s", machine->name, name);
	scoped_free char *to_origin = text_format("%s@%s", machine->name, to);
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || check_name(to, err) < 0 || open_settled(machine, &pool, err) < 0 ||
	    find(machine, &pool, name, err) < 0)
		return -err->code;
	if (!from_origin || !to_origin)
		return err_set(err, ENOMEM, "out of memory");
	if (rename_volume(machine, &pool, name, to, err) < 0)
		return -err->code;
	fault_point("rename-snapshot-done");
	fresh_forget(machine, name);
	content_forget(machine->folder, name);
	joint_forget(machine, name);
	machine_tell(machine,
		     &(struct event){ .name = "snapshot-renamed", .from = name, .snapshot = to });
	return follow_origin(machine->dirs, "machine", from_origin, to_origin, err);
}

/* The snapshot is looked for first, so that no machine is stopped for a missing one. */
static int refuse_running(const struct machine *machine, struct pool *pool, const char *name,
			  const char *kept, struct err *err)
{
	struct volume_info info = { 0 };

	if (volume_info(pool, kept, &info, &(struct err){ 0 }) == -ENOENT)
		return snapshot_missing(machine, name, err);
	return err_set(err, EBUSY,
		       "machine '%s' is running; stop it before restoring '%s': berth stop %s",
		       machine->name, name, machine->name);
}

int snapshot_restore(struct machine *machine, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char kept[VOLUME_NAME_MAX + 1];
	bool running = false;
	scoped_fd int lock = control_lock_ended(machine, &running, err);

	if (lock < 0 || check_name(name, err) < 0 || move_check(machine, err) < 0 ||
	    open_settled(machine, &pool, err) < 0)
		return -err->code;
	snapshot_volume(machine->name, name, kept);
	if (running)
		return refuse_running(machine, &pool, name, kept, err);
	const struct replacement by = {
		.from = &pool, .volume = kept, .snapshot = name, .verb = "restore"
	};
	int r = root_replace(machine, &pool, &by, err);
	if (r == 0)
		half_end(machine);
	return r == -ENOENT ? snapshot_missing(machine, name, err) : r;
}
