/* Machines go: marked as half removed first, so that whatever a kill leaves is finished off by the next. */
#include "machine/start/run.h"
#include "machine/state/private.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <string.h>

static bool has_settings(const struct machine *machine)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	return conf && access(conf, F_OK) == 0;
}

int machine_gone(const struct machine *machine, struct err *err)
{
	*err = (struct err){ 0 };
	return err_set(err, ENOENT, "no machine '%s': it has just been deleted", machine->name);
}

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
	run_unclaim(machine);
	r = remove_tree(AT_FDCWD, machine->folder);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", machine->folder, strerror(-r));
	return unfinished_drop(&mark, err);
}

static int is_any(void *context, const char *name)
{
	(void)context;
	(void)name;
	return 1;
}

void machine_leave_groups(const struct site *site)
{
	struct err ignored = { 0 };
	char name[32], keepers[64];

	if (machine_list(site, is_any, NULL, &ignored) != 0)
		return;
	site_name(site, name, sizeof name);
	snprintf(keepers, sizeof keepers, "%s/_keepers", name);
	if (cgroup_remove(keepers) == 0)
		cgroup_remove(name);
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

static int hold_one(void *context, const struct volume_info *info)
{
	struct err err = { 0 };

	return volume_hold(context, info->name, VOLUME_CHANGE, &err) == -EBUSY ? -EBUSY : 0;
}

/*
 * Whoever copies its root or a snapshot must have come to its end before anything goes. The look whether
 * anybody copies at all is what costs little.
 */
static int hold_holdings(struct machine *machine, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };

	if (machine->fault.code || !pool_is_copied(machine->site, machine->config.pool) ||
	    pool_open(pool, machine->site, machine->config.pool, &ignored) < 0)
		return 0;
	machine_volume(machine->name, volume);
	int r = volume_hold(pool, volume, VOLUME_CHANGE, err);
	if (r == -EBUSY)
		return r;
	*err = (struct err){ 0 };
	snapshot_volume(machine->name, "", volume);
	r = volume_list(pool, volume, hold_one, pool, &ignored);
	if (r != -EBUSY)
		return 0;
	return err_set(err, EBUSY,
		       "a snapshot of machine '%s' is being copied by another berth command; try "
		       "again when that ends",
		       machine->name);
}

int machine_delete(struct machine *machine, bool force, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	enum stop_outcome outcome;

	if (!force && run_alive(machine))
		return err_set(err, EBUSY,
			       "machine '%s' is %s; stop it first, or delete it with --force",
			       machine->name, machine_paused(machine) ? "paused" : "running");
	if (!force && machine->fault.code)
		return err_set(
			err, machine->fault.code,
			"%s; it is deleted as it is, with every root and snapshot of its name, "
			"only with --force",
			machine->fault.text);
	if (machine_stop(machine, true, 0, &outcome, err) < 0)
		return -err->code;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	if (run_alive(machine))
		return err_set(err, EBUSY, "machine '%s' was started meanwhile; delete it again",
			       machine->name);
	if (hold_holdings(machine, &pool, err) < 0)
		return -err->code;
	bool there = machine->fault.code || has_settings(machine);
	if (there && machine_erase(machine, force, err) < 0)
		return -err->code;
	machine_leave_groups(machine->site);
	/* An ephemeral machine went with its guest; of two that delete one, one has done it. */
	return there || machine->config.ephemeral ? 0 : machine_gone(machine, err);
}
