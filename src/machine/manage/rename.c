/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine gets another name: the rename of its folder is the commit point, and all other parts follow. */
#include "machine/manage/rename.h"

#include "machine/data/data.h"

#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/manage/birth.h"
#include "machine/manage/follow_name.h"
#include "machine/manage/hostname.h"
#include "machine/manage/volumes.h"
#include "machine/state/move.h"
#include "machine/state/nics.h"
#include "machine/state/owner.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/renaming.h"
#include "base/scoped.h"
#include "image/template/template.h"

#include <string.h>

/* ---- The parts that follow */

struct leasing {
	const struct machine *machine;
	const struct renaming *renaming;
	struct err *err;
};

/* A network that cannot be read keeps the lease; it is of no use to anybody then. */
static int rename_lease(void *context, const char *name)
{
	const struct leasing *leasing = context;
	scoped_network struct network network = { 0 };
	struct nic_view nic = { .mac = leasing->machine->config.mac };

	if (network_open(&network, leasing->machine->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	nics_find(leasing->machine, NULL, name, &nic);
	return lease_rename(&network, leasing->renaming->from, nic.mac, leasing->renaming->to,
			    leasing->err);
}

static int rename_volumes(const struct machine *machine, const struct renaming *renaming,
			  struct pool *pool, struct text *notes, struct err *err)
{
	if (volumes_rename(pool, renaming->from, renaming->to, err) < 0)
		return -err->code;
	hostname_follow(machine, pool, renaming->from, notes);
	fault_point("rename-named");
	return 0;
}

/* Under the lock of the new name. */
static int finish(const struct dirs *dirs, const struct renaming *renaming, struct text *notes,
		  struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (machine_read(&machine, dirs, renaming->to, err) < 0 ||
	    pool_open(&pool, dirs, machine.config.pool, err) < 0)
		return -err->code;
	struct leasing leasing = { &machine, renaming, err };
	if (network_list(dirs, rename_lease, &leasing, err) < 0 ||
	    follow_boot(dirs, renaming->from, renaming->to, err) < 0 ||
	    follow_aliases(dirs, renaming->from, renaming->to, err) < 0 ||
	    follow_origin(dirs, "machine", renaming->from, renaming->to, err) < 0)
		return -err->code;
	fault_point("rename-followed");
	if (rename_volumes(&machine, renaming, &pool, notes, err) < 0)
		return -err->code;
	passing_end_all(dirs, renaming->from);
	passing_listen(&machine, notes);
	machine_tell(&machine, &(struct event){ .name = "renamed", .from = renaming->from });
	pool_backup_mark_stale();
	machine_renew_peers_of(&machine);
	return renaming_end(renaming, dirs, err);
}

/* ---- The change */

static int refuse_running(const struct machine *machine, struct err *err)
{
	return err_set(err, EBUSY,
		       "machine '%s' is %s, and its name is in use; stop it first: berth stop %s",
		       machine->name, machine_paused(machine) ? "paused" : "running",
		       machine->name);
}

/* The locks are taken in the order of the names, so that two commands do not wait for each other. */
static int lock_both(struct machine *machine, struct machine *to, int *lock, int *to_lock,
		     struct err *err)
{
	bool first = strcmp(to->name, machine->name) < 0, running = false;

	if (first && (*to_lock = birth_claim(to, err)) < 0)
		return *to_lock;
	*lock = control_lock_ended(machine, &running, err);
	if (*lock < 0)
		return *lock;
	if (running)
		return refuse_running(machine, err);
	if (!first && (*to_lock = birth_claim(to, err)) < 0)
		return *to_lock;
	return 0;
}

/* The other host of a move knows the machine by its name. */
static int check_move(const struct machine *machine, struct err *err)
{
	struct move_mark mark;

	if (move_check(machine, err) < 0 || move_read(machine, &mark, err) < 0)
		return -err->code;
	if (move_is_of_pool(&mark))
		return err_set(err, EBUSY,
			       "machine '%s' keeps its name while it moves to pool '%s'; try again "
			       "when that ends",
			       machine->name, mark.pool);
	return mark.phase == MOVE_NONE
		       ? 0
		       : err_set(err, EBUSY,
				 "machine '%s' keeps its name while it moves to host '%s'; 'berth "
				 "move --abort %s' ends that",
				 machine->name, mark.host, machine->name);
}

/* Settings may have changed, or gone, before the lock was taken. */
static int read_again(struct machine *machine, struct err *err)
{
	config_free(&machine_schema, &machine->config);
	int r = machine_load(machine, err);
	if (r == -ENOENT)
		return machine_gone(machine, err);
	if (r == 0 && owner_is_claimed(machine))
		return err_set(err, EBUSY,
			       "machine '%s' belongs to a berth command that runs, and ends with "
			       "it; its name stays",
			       machine->name);
	return r;
}

/* All that can fail for a reason of its own is tried before the commit. */
static int prepare(const struct machine *machine, const struct machine *to, struct pool *pool,
		   struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (pool_open(pool, machine->dirs, machine->config.pool, err) < 0 ||
	    birth_check_free(to, pool, err) < 0 || restoring_clear(machine, pool, err) < 0)
		return -err->code;
	machine_volume(machine->name, volume);
	int r = volume_info(pool, volume, &info, err);
	if (r < 0)
		return r == -ENOENT ? parts_lost_volume(machine, err) : r;
	const struct subject subject = subject_machine(machine);
	return volumes_claim(&subject, pool, err);
}

static int change(const struct machine *machine, const struct machine *to, struct text *notes,
		  struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct renaming renaming;

	if (prepare(machine, to, &pool, err) < 0 ||
	    renaming_begin(&renaming, machine->dirs, "machines", machine->name, to->name, err) <
		    0 ||
	    renaming_commit(&renaming, machine->dirs, err) < 0)
		return -err->code;
	if (finish(machine->dirs, &renaming, notes, err) < 0)
		return err_wrap(err,
				"machine '%s' is '%s' from now on, but not all of its parts have "
				"followed, which the next command tries again",
				machine->name, to->name);
	machine_lock_forget(machine);
	return 0;
}

int machine_rename(struct machine *machine, const char *to_name, struct text *notes,
		   struct err *err)
{
	scoped_machine struct machine to = { 0 };
	scoped_fd int lock = -1;
	scoped_fd int to_lock = -1;

	if (machine_paths(&to, machine->dirs, to_name, err) < 0 || machine_check(machine, err) < 0)
		return -err->code;
	if (strcmp(machine->name, to_name) == 0)
		return err_set(err, EEXIST, "machine '%s' has this name already", to_name);
	if (lock_both(machine, &to, &lock, &to_lock, err) < 0 || read_again(machine, err) < 0 ||
	    check_move(machine, err) < 0)
		return -err->code;
	return change(machine, &to, notes, err);
}

/* ---- Changes that were killed */

struct finishing {
	const struct dirs *dirs;
	struct text *notes;
};

typedef int lock_fn(const struct dirs *dirs, const char *name, struct err *err);
typedef int finish_fn(const struct finishing *finishing, const struct renaming *renaming,
		      struct err *err);

static int lock_machine(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	return machine_paths(&machine, dirs, name, err) < 0 ? -err->code
							    : machine_lock(&machine, 0, err);
}

static int lock_template(const struct dirs *dirs, const char *name, struct err *err)
{
	return template_lock(dirs, name, 0, err);
}

static int lock_volume(const struct dirs *dirs, const char *name, struct err *err)
{
	return data_lock(dirs, name, 0, err);
}

static int finish_machine(const struct finishing *finishing, const struct renaming *renaming,
			  struct err *err)
{
	return finish(finishing->dirs, renaming, finishing->notes, err);
}

static int finish_template(const struct finishing *finishing, const struct renaming *renaming,
			   struct err *err)
{
	return template_rename_finish(finishing->dirs, renaming, err);
}

static int finish_volume(const struct finishing *finishing, const struct renaming *renaming,
			 struct err *err)
{
	return volume_rename_finish(finishing->dirs, renaming, err);
}

/* A change that was not committed has changed nothing. Another command may be at it, or may have finished meanwhile. */
static void settle(const struct finishing *finishing, const struct renaming *renaming,
		   lock_fn *lock_name, finish_fn *complete)
{
	struct err why = { 0 };
	bool committed = renaming_is_committed(renaming, finishing->dirs);
	scoped_fd int lock =
		lock_name(finishing->dirs, committed ? renaming->to : renaming->from, &why);

	if (lock < 0 || !renaming_is_open(renaming, finishing->dirs) ||
	    committed != renaming_is_committed(renaming, finishing->dirs))
		return;
	int r = committed ? complete(finishing, renaming, &why)
			  : renaming_end(renaming, finishing->dirs, &why);
	if (r < 0)
		text_add(finishing->notes,
			 "'%s' was renamed to '%s' by a command that was killed, and not all parts "
			 "can follow now: %s\n",
			 renaming->from, renaming->to, why.text);
}

static void settle_machine(void *context, const struct renaming *renaming)
{
	settle(context, renaming, lock_machine, finish_machine);
}

static void settle_template(void *context, const struct renaming *renaming)
{
	settle(context, renaming, lock_template, finish_template);
}

static void settle_volume(void *context, const struct renaming *renaming)
{
	settle(context, renaming, lock_volume, finish_volume);
}

void renames_finish(const struct dirs *dirs, struct text *notes)
{
	struct finishing finishing = { dirs, notes };

	renaming_each(dirs, "machines", settle_machine, &finishing);
	renaming_each(dirs, "templates", settle_template, &finishing);
	renaming_each(dirs, data_kind.kind, settle_volume, &finishing);
}
