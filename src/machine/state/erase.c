/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removal of a machine. It is marked as half removed first, so that the next command completes an interrupted removal.
 */
#include "machine/state/private.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "machine/state/owner.h"

#include <fcntl.h>
#include <string.h>

int restoring_clear(const struct machine *machine, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	restoring_volume(machine->name, volume);
	/* Looking for it costs less than removing it. */
	if (volume_info(pool, volume, &info, &(struct err){ 0 }) == -ENOENT)
		return 0;
	return volume_destroy(pool, volume, err);
}

/* A volume that cannot be removed stops the rest: its machine stays half removed, and the next command tries again. */
int machine_destroy_volumes(const struct machine *machine, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	snapshot_volume(machine->name, "", volume);
	int r = volumes_destroy(pool, volume, err);
	if (r == 0)
		r = restoring_clear(machine, pool, err);
	if (r < 0)
		return r;
	machine_volume(machine->name, volume);
	return volume_destroy(pool, volume, err);
}

int machine_unused(const struct machine *machine, struct pool *pool, struct err *err)
{
	char root[VOLUME_NAME_MAX + 1], restoring[VOLUME_NAME_MAX + 1],
		snapshots[VOLUME_NAME_MAX + 1];
	const char *const volumes[] = { root, restoring, snapshots, NULL };
	struct err why = { 0 };

	machine_volume(machine->name, root);
	restoring_volume(machine->name, restoring);
	snapshot_volume(machine->name, "", snapshots);
	int r = volumes_unused(pool, volumes, &why);
	return r < 0 ? err_set(err, why.code, "machine '%s' cannot be deleted: %s", machine->name,
			       why.text)
		     : 0;
}

/* An unreadable pool keeps its volume, if it has one, which must not keep the others. */
static int visit_pool(void *context, const char *name)
{
	struct machine *machine = context;
	scoped_pool struct pool pool = { 0 };
	struct err ignored = { 0 };

	if (pool_open(&pool, machine->dirs, name, &ignored) == 0)
		machine_destroy_volumes(machine, &pool, &ignored);
	return 0;
}

struct look {
	const struct machine *machine;
	struct err *err;
};

static int look_in_pool(void *context, const char *name)
{
	const struct look *look = context;
	scoped_pool struct pool pool = { 0 };
	struct err ignored = { 0 };

	if (pool_open(&pool, look->machine->dirs, name, &ignored) < 0)
		return 0;
	return machine_unused(look->machine, &pool, look->err);
}

static int check_unused(const struct machine *machine, bool known, struct pool *pool,
			struct err *err)
{
	struct look look = { machine, err };

	if (!known)
		return pool_list(machine->dirs, look_in_pool, &look, err);
	return pool->ops ? machine_unused(machine, pool, err) : 0;
}

/* Releases volumes in the pool of the settings, or, if they cannot be read, in all pools. pool: open, or not. */
static int release_holdings(struct machine *machine, bool known, struct pool *pool, struct err *err)
{
	/* The network of the last run counts too, because the settings may name another one now. */
	machine_leave_networks(machine, true);
	if (!known)
		return pool_list(machine->dirs, visit_pool, machine, err);
	return pool->ops ? machine_destroy_volumes(machine, pool, err) : 0;
}

/* Reads the settings from their present place. Whether they could be read. */
static bool reload(struct machine *machine, const struct unfinished *mark, bool half)
{
	scoped_free char *path = half ? unfinished_path(mark) : machine_path(machine, mark->file);

	config_free(&machine_schema, &machine->config);
	return path &&
	       config_load(&machine_schema, path, &machine->config, &(struct err){ 0 }) == 0 &&
	       *machine->config.pool;
}

static int erase_from(struct machine *machine, const struct unfinished *mark, bool half, bool known,
		      struct pool *pool, struct err *err)
{
	if (unfinished_undo(mark, err) < 0)
		return -err->code;
	/* From here on no command finds the machine, and the next command removes the rest. */
	if (!half)
		machine_tell(machine, &(struct event){ .name = "deleted" });
	int r = release_holdings(machine, known, pool, err);
	if (r < 0)
		return r;
	owner_forget(machine);
	r = remove_tree(AT_FDCWD, machine->folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", machine->folder, strerror(-r));
	return unfinished_drop(mark, err);
}

int machine_erase(struct machine *machine, bool forget, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err why = { 0 };
	bool half = unfinished_is(&mark);
	bool known = reload(machine, &mark, half);

	/* The pool is opened before anything is changed: the root must not be left behind unnoticed. */
	if (known && pool_open(&pool, machine->dirs, machine->config.pool, &why) < 0 && !forget)
		return err_set(err, why.code,
			       "machine '%s' cannot be deleted with its root: %s; to delete it and "
			       "leave what is there: berth delete --force %s",
			       machine->name, why.text, machine->name);
	if (check_unused(machine, known, &pool, err) < 0)
		return -err->code;
	int r = erase_from(machine, &mark, half, known, &pool, err);
	if (r == 0)
		machine_lock_forget(machine);
	return r;
}
