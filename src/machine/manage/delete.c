/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deletion of machines. They are marked as half removed first, so that the next command completes an interrupted
 * deletion.
 */
#include "machine/data/data.h"
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/manage/manage.h"
#include "machine/manage/volumes.h"
#include "machine/state/move.h"
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

/* Waits for copies of its volumes before anything is removed. The check whether there is any copy is cheap. */
static int lock_volumes(struct machine *machine, struct pool *pool, struct err *err)
{
	struct err ignored = { 0 };

	if (machine->fault.code || !pool_is_copied(machine->dirs, machine->config.pool) ||
	    pool_open(pool, machine->dirs, machine->config.pool, &ignored) < 0)
		return 0;
	const struct subject subject = subject_machine(machine);
	return volumes_claim(&subject, pool, err);
}

/*
 * Checks, before the machine is stopped, for mounts in a folder of its root. A device must be released by the machine
 * first.
 */
static int check_running(const struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	struct err ignored = { 0 };

	if (machine->fault.code ||
	    pool_open(&pool, machine->dirs, machine->config.pool, &ignored) < 0 ||
	    (pool.ops->can & STORAGE_BLOCK))
		return 0;
	return machine_unused(machine, &pool, err);
}

/* A stop does not wait for a long clean-up, such as that of a device that another process keeps. */
static int wait_for_clean_up(struct machine *machine, struct err *err)
{
	if (!run_alive(machine) || !run_has_finished(machine))
		return 0;
	bool running = false;
	scoped_fd int lock = control_lock_ended(machine, &running, err);
	return lock < 0 ? lock : 0;
}

int machine_delete(struct machine *machine, bool force, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	enum stop_outcome outcome;

	if (wait_for_clean_up(machine, err) < 0 || move_check_delete(machine, force, err) < 0)
		return -err->code;
	bool alive = run_alive(machine);

	if (!force && alive)
		return err_set(err, EBUSY,
			       "machine '%s' is %s; stop it first, or delete it with --force",
			       machine->name, machine_paused(machine) ? "paused" : "running");
	if (alive && check_running(machine, err) < 0)
		return -err->code;
	if (!force && machine->fault.code)
		return err_set(err, machine->fault.code,
			       "%s; to delete it all the same, with every root and snapshot of its "
			       "name, use --force",
			       machine->fault.text);
	if (machine_stop(machine, true, 0, &outcome, err) < 0)
		return -err->code;
	bool running = false;
	scoped_fd int lock = control_lock_ended(machine, &running, err);
	if (lock < 0)
		return lock;
	if (running)
		return err_set(err, EBUSY, "machine '%s' was started meanwhile; delete it again",
			       machine->name);
	if (move_check_delete(machine, force, err) < 0 || lock_volumes(machine, &pool, err) < 0)
		return -err->code;
	bool there = machine->fault.code || has_settings(machine);
	if (there && data_erase_machine(machine, force, err) < 0)
		return -err->code;
	machine_renew_peers_of(machine);
	machine_leave_groups(machine->dirs);
	/* An ephemeral machine went with its guest; of two concurrent deletions, the other one has done it. */
	return there || machine->config.ephemeral ? 0 : machine_gone(machine, err);
}
