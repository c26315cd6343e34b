/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/moment.h"
#include "machine/life/run_state.h"
#include "machine/manage/travel.h"

#include "machine/state/parts.h"
#include "machine/state/private.h"
#include "storage/driver.h"

#include "base/fault.h"
#include "base/scoped.h"

int machine_export_copies(struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char root[VOLUME_NAME_MAX + 1];

	machine_volume(machine->name, root);
	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	return volume_copies_at_once(&pool, root) || run_alive(machine);
}

static int take(struct moment *moment, bool quiet, struct err *err)
{
	struct pool *pool = moment->pool;
	struct partial *partial = &moment->partial;

	if (quiet && quiesce_flush(pool, moment->root, err) < 0)
		return -err->code;
	if (partial_begin(pool, moment->root, partial, err) < 0)
		return -err->code;
	int r = volume_lock(pool, moment->root, VOLUME_LOCK_READ, err);
	if (r == 0) {
		r = pool->ops->snapshot(pool, moment->root, partial->name, err);
		volume_release(pool, moment->root);
	}
	if (r < 0) {
		partial_abandon(pool, partial);
		return r;
	}
	moment->is_snapshot = true;
	moment->volume = partial->name;
	fault_point("travel-moment");
	return 0;
}

/* Without a copy, no machine runs with it, and a lock keeps its own from starting: it is read where it is. */
static int stay(struct moment *moment, struct err *err)
{
	int r = volume_lock(moment->pool, moment->root, VOLUME_LOCK_READ, err);

	if (r < 0 && moment->holder)
		quiesce_end(&moment->still, moment->holder, &(struct err){ 0 });
	moment->volume = moment->root;
	return r;
}

int moment_begin(struct moment *moment, const struct subject *subject, struct machine *holder,
		 struct pool *pool, bool quiet, struct err *err)
{
	struct err moved = { 0 };

	*moment = (struct moment){ .holder = holder,
				   .pool = pool,
				   .still = { .lock = -1, .mark = -1, .watch = -1 } };
	subject_volume(subject, NULL, moment->root);
	bool at_once = volume_copies_at_once(pool, moment->root);
	bool held = holder && (quiet || !at_once);
	if (held && quiesce_begin(&moment->still, holder, NULL, -1, err) < 0)
		return -err->code;
	if (!at_once && moment->still.mark < 0)
		return stay(moment, err);
	int r = take(moment, quiet, err);
	if (held && quiesce_end(&moment->still, holder, &moved) < 0 && r == 0) {
		partial_abandon(pool, &moment->partial);
		*err = moved;
		r = -err->code;
	}
	return r == -ENOENT && subject->machine ? parts_lost_volume(subject->machine, err) : r;
}

int moment_end(struct moment *moment, struct err *err)
{
	if (moment->is_snapshot) {
		partial_abandon(moment->pool, &moment->partial);
		return 0;
	}
	volume_release(moment->pool, moment->root);
	return moment->holder ? quiesce_end(&moment->still, moment->holder, err) : 0;
}
