/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/replace.h"

#include "machine/manage/rootsize.h"
#include "machine/state/fresh.h"
#include "machine/state/private.h"

#include <string.h>

int root_check_unused(struct pool *pool, const char *volume, const char *verb,
		      const struct machine *machine, struct err *err)
{
	const char *const volumes[] = { volume, NULL };
	struct err why = { 0 };

	int r = volumes_unused(pool, volumes, &why);
	return r < 0 ? err_set(err, why.code, "%s machine '%s': %s", verb, machine->name, why.text)
		     : 0;
}

static int copy(struct pool *pool, const struct replacement *by, const char *next, struct err *err)
{
	if (strcmp(by->from->name, pool->name) == 0)
		return volume_snapshot(pool, by->volume, next, err);
	return volume_copy(by->from, by->volume, pool, next, err);
}

/*
 * Called before the exchange of the roots and after it. After a kill in between, the root gets its identity once more.
 */
static int note_fresh(struct machine *machine, const struct replacement *by, bool before,
		      struct err *err)
{
	if (by->snapshot)
		return fresh_restore(machine, by->snapshot, before, err);
	return before ? fresh_mark(machine, err) : 0;
}

static int remove_old(const struct machine *machine, struct pool *pool, const char *old,
		      const struct replacement *by, struct err *err)
{
	struct err why = { 0 };

	if (volume_destroy(pool, old, &why) == 0)
		return 0;
	if (by->snapshot)
		return err_set(err, why.code,
			       "machine '%s' has the root of snapshot '%s' now, but what it had "
			       "before could not be removed: %s; mend that, and the next change of "
			       "its snapshots removes it",
			       machine->name, by->snapshot, why.text);
	return err_set(err, why.code,
		       "machine '%s' has the root of its template now, but what it had before "
		       "could not be removed: %s; mend that, and the next change of its snapshots "
		       "removes it",
		       machine->name, why.text);
}

int root_replace(struct machine *machine, struct pool *pool, const struct replacement *by,
		 struct err *err)
{
	char root[VOLUME_NAME_MAX + 1], next[VOLUME_NAME_MAX + 1];

	machine_volume(machine->name, root);
	restoring_volume(machine->name, next);
	/* The volume is locked before the work, because a command may be copying it. */
	if (volume_lock(pool, root, VOLUME_LOCK_CHANGE, err) < 0 ||
	    root_check_unused(pool, root, by->verb, machine, err) < 0 ||
	    copy(pool, by, next, err) < 0)
		return -err->code;
	bool was_fresh = fresh_is(machine, NULL);
	if (rootsize_fit(pool, next, machine->config.disk_size, err) < 0 ||
	    note_fresh(machine, by, true, err) < 0 || volume_exchange(pool, root, next, err) < 0) {
		volume_destroy(pool, next, &(struct err){ 0 });
		if (!was_fresh)
			fresh_forget(machine, NULL);
		return -err->code;
	}
	/* The exchange is complete, whatever happens to the old root. */
	if (by->done)
		*by->done = true;
	if (by->snapshot)
		machine_tell(machine, &(struct event){ .name = "snapshot-restored",
						       .snapshot = by->snapshot });
	else
		machine_tell(machine, &(struct event){ .name = "reset",
						       .template = machine->config.template });
	if (note_fresh(machine, by, false, err) < 0)
		return -err->code;
	return remove_old(machine, pool, next, by, err);
}
