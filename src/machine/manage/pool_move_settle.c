/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks of a move between pools, and what is removed at its end, whether it came to its end or not. */
#include "machine/manage/pool_move.h"

#include "machine/manage/settings_lock.h"
#include "machine/start/start.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/renaming.h"
#include "base/scoped.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int pool_move_mark(struct pool_moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	struct renaming found = { .kind = POOL_MOVES };
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	struct stat st;

	if (lock < 0)
		return lock;
	if (stat(machine->folder, &st) < 0)
		return machine_gone(machine, err);
	text_print(found.from, sizeof found.from, "%s", machine->name);
	text_print(found.to, sizeof found.to, "%s", moving->spec->pool);
	found.folder = st.st_ino;
	if (renaming_note(&found, machine->dirs, err) < 0)
		return -err->code;
	fault_point("pool-move-noted");
	moving->mark.phase = MOVE_POOL_COPYING;
	if (move_write(machine, &moving->mark, err) < 0) {
		renaming_end(&found, machine->dirs, &(struct err){ 0 });
		return -err->code;
	}
	return 0;
}

static int drop_marks(const struct machine *machine, const struct move_mark *mark, struct err *err)
{
	struct renaming found = { .kind = POOL_MOVES };

	text_print(found.from, sizeof found.from, "%s", machine->name);
	text_print(found.to, sizeof found.to, "%s", mark->pool);
	if (move_drop(machine, err) < 0)
		return -err->code;
	fault_point("pool-move-dropped");
	return renaming_end(&found, machine->dirs, err);
}

/* Snapshots that only served this move. */
static int forget_copies(struct machine *machine, const struct move_mark *mark, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	char prefix[32];
	size_t count = 0;

	snprintf(prefix, sizeof prefix, MOVE_COPIES "%.8s-", mark->token);
	if (snapshot_list(machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (text_starts(list[i].name, prefix) &&
		    snapshot_delete(machine, list[i].name, err) < 0)
			return -err->code;
	}
	return 0;
}

/* A pool that was deleted since has nothing of the machine; one that is only out of reach may have. */
static int clear_pool(const struct machine *machine, const char *name, struct err *err)
{
	scoped_free char *folder = dirs_state_path(machine->dirs, "pools/%s", name);
	scoped_pool struct pool pool = { .use_fd = -1 };

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (access(folder, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (pool_open(&pool, machine->dirs, name, err) < 0)
		return -err->code;
	return machine_destroy_volumes(machine, &pool, err);
}

/* Opening the pool removes the volumes that a killed command has left with partial names. */
static void clear_partial(const struct machine *machine, const char *name)
{
	scoped_pool struct pool pool = { .use_fd = -1 };

	pool_open(&pool, machine->dirs, name, &(struct err){ 0 });
}

/* Nothing is removed from the pool of machine.conf, whatever the mark says. */
static int clear_other(struct machine *machine, const struct move_mark *mark, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	int r = settings_read_again(machine, err);
	if (r < 0)
		return r;
	const char *pool = machine->config.pool;
	const char *other = strcmp(pool, mark->pool) == 0 ? mark->from_pool : mark->pool;
	if (strcmp(pool, mark->pool) != 0 && strcmp(pool, mark->from_pool) != 0)
		return err_set(
			err, EUCLEAN,
			"machine '%s' is in pool '%s', and was being moved from pool '%s' to "
			"pool '%s'",
			machine->name, pool, mark->from_pool, mark->pool);
	fault_point("pool-move-clearing");
	r = clear_pool(machine, other, err);
	fault_point("pool-move-cleared");
	return r;
}

int pool_move_settle(struct machine *machine, const struct move_mark *mark, struct err *err)
{
	if (mark->phase == MOVE_POOL_SWITCHING && clear_other(machine, mark, err) < 0)
		return -err->code;
	if (strcmp(machine->config.pool, mark->from_pool) == 0 &&
	    forget_copies(machine, mark, err) < 0)
		return -err->code;
	clear_partial(machine, mark->pool);
	return drop_marks(machine, mark, err);
}

/* ---- Moves that were killed */

struct finishing {
	const struct dirs *dirs;
	struct text *notes;
};

/* A machine that the move has stopped runs again. It is started once, and not if the host has booted since. */
static void start_again(struct machine *machine, struct move_mark *mark, struct text *notes)
{
	struct err why = { 0 };
	scoped_text struct text warning = { 0 };
	bool runs = false;

	if (mark->phase == MOVE_POOL_COPYING || !move_ran_in_this_boot(mark))
		return;
	/* A start waits for the end of a guest that was asked to halt. */
	int r = machine_start(machine, &runs, &warning, &why);
	if (r == 0 && runs)
		return;
	if (r == 0)
		text_add(notes,
			 "machine '%s' was stopped by a move to pool '%s' that was broken off, and "
			 "runs again, in pool '%s'\n%s",
			 machine->name, mark->pool, machine->config.pool, text_str(&warning));
	else
		text_add(notes,
			 "machine '%s' was stopped by a move to pool '%s' that was broken off, and "
			 "does not start again: %s\n",
			 machine->name, mark->pool, why.text);
}

/* The old pool may be out of reach for long, and the machine may be started and stopped meanwhile. */
static int forget_run(const struct machine *machine, struct move_mark *mark)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, &(struct err){ 0 });

	move_set_ran(mark, false);
	return lock < 0 ? lock : move_write(machine, mark, &(struct err){ 0 });
}

static int finish(struct machine *machine, const struct renaming *found, struct text *notes,
		  struct err *err)
{
	struct move_mark mark;
	struct stat st;

	/* The machine is gone, or it is another one. */
	if (stat(machine->folder, &st) < 0 || st.st_ino != found->folder)
		return renaming_end(found, machine->dirs, err);
	int r = machine_load(machine, err);
	if (r < 0 || move_read(machine, &mark, err) < 0)
		return r == -ENOENT ? err_set(err, ENOENT, "it has lost its settings") : -err->code;
	if (!move_is_of_pool(&mark))
		return renaming_end(found, machine->dirs, err);
	r = pool_move_settle(machine, &mark, err);
	fault_point("pool-move-settled");
	start_again(machine, &mark, notes);
	if (r < 0 && mark.ran)
		forget_run(machine, &mark);
	return r;
}

static void finish_one(void *context, const struct renaming *found)
{
	struct finishing *finishing = context;
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };
	scoped_fd int lock = move_lock(finishing->dirs, found->from, 0, &(struct err){ 0 });

	/* Another command may be at it, or may have finished meanwhile. */
	if (lock < 0 || !renaming_is_open(found, finishing->dirs) ||
	    machine_paths(&machine, finishing->dirs, found->from, &why) < 0)
		return;
	if (finish(&machine, found, finishing->notes, &why) < 0)
		text_add(finishing->notes,
			 "a move of machine '%s' to pool '%s' was broken off, and what it has left "
			 "cannot be removed now: %s\n",
			 found->from, found->to, why.text);
}

void pool_moves_finish(const struct dirs *dirs, struct text *notes)
{
	struct finishing finishing = { dirs, notes };

	renaming_each(dirs, POOL_MOVES, finish_one, &finishing);
}
