/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine goes: it is marked as half removed first, so that what a kill leaves is finished off by the next command. */
#include "machine/state/private.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "machine/state/owner.h"

#include <fcntl.h>
#include <string.h>

static int destroy_one(void *context, const struct volume_info *info)
{
	return volume_destroy(context, info->name, &(struct err){ 0 });
}

static int destroy_volumes(struct machine *machine, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	snapshot_volume(machine->name, "", volume);
	int r = volume_list(pool, volume, destroy_one, pool, err);
	restoring_volume(machine->name, volume);
	if (r < 0 || volume_destroy(pool, volume, err) < 0)
		return r < 0 ? r : -err->code;
	machine_volume(machine->name, volume);
	return volume_destroy(pool, volume, err);
}

/* An unreadable pool keeps a volume, if it has one: that must not keep the others. */
static int visit_pool(void *context, const char *name)
{
	struct machine *machine = context;
	scoped_pool struct pool pool = { 0 };
	struct err ignored = { 0 };

	if (pool_open(&pool, machine->site, name, &ignored) == 0)
		destroy_volumes(machine, &pool, &ignored);
	return 0;
}

/* By its settings, or, when nobody can read them, wherever something of its name is. pool: open, or not. */
static int release_holdings(struct machine *machine, bool known, struct pool *pool, struct err *err)
{
	/* Also where it was before, if its settings name another by now. */
	machine_leave_networks(machine, NULL);
	if (!known)
		return pool_list(machine->site, visit_pool, machine, err);
	return pool->ops ? destroy_volumes(machine, pool, err) : 0;
}

/* From where they are now. Whether they could be read. */
static bool reload(struct machine *machine, const struct unfinished *mark)
{
	scoped_free char *path =
		unfinished_is(mark) ? unfinished_path(mark) : machine_path(machine, mark->file);

	config_free(&machine_schema, &machine->config);
	return path &&
	       config_load(&machine_schema, path, &machine->config, &(struct err){ 0 }) == 0 &&
	       *machine->config.pool;
}

static int erase_from(struct machine *machine, bool known, struct pool *pool, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	bool half = unfinished_is(&mark);

	if (unfinished_undo(&mark, err) < 0)
		return -err->code;
	/* Now: from here on no command finds it, and whoever is first clears it away. */
	if (!half)
		machine_tell(machine, &(struct event){ .name = "deleted" });
	int r = release_holdings(machine, known, pool, err);
	if (r < 0)
		return r;
	owner_forget(machine);
	r = remove_tree(AT_FDCWD, machine->folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", machine->folder, strerror(-r));
	return unfinished_drop(&mark, err);
}

int machine_erase(struct machine *machine, bool forget, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err why = { 0 };
	bool known = reload(machine, &mark);

	/* Before anything is touched: its root must not be left behind unseen. */
	if (known && pool_open(&pool, machine->site, machine->config.pool, &why) < 0 && !forget)
		return err_set(err, why.code,
			       "machine '%s' cannot be deleted with its root: %s; to delete it and "
			       "leave what is there: berth delete --force %s",
			       machine->name, why.text, machine->name);
	int r = erase_from(machine, known, &pool, err);
	if (r == 0)
		machine_lock_forget(machine);
	return r;
}
