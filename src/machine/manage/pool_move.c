/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of a move between pools. */
#include "machine/manage/pool_move.h"

#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/manage/check.h"
#include "machine/manage/moving.h"
#include "machine/manage/rootsize.h"
#include "machine/manage/settings_lock.h"
#include "machine/start/start.h"
#include "machine/state/content.h"
#include "machine/state/private.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/scoped.h"

#include <signal.h>
#include <string.h>

static void moving_close(struct pool_moving *moving)
{
	arrival_end(&moving->arrival);
	pool_close(&moving->target);
	scoped_close_fd(&moving->lock);
}
#define scoped_moving __attribute__((cleanup(moving_close)))

static int begin(struct pool_moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	struct move_mark *mark = &moving->mark;

	moving->lock = move_lock(machine->dirs, machine->name, 0, err);
	if (moving->lock < 0 || pool_move_check(machine, moving->spec, err) < 0 ||
	    pool_open(&moving->target, machine->dirs, moving->spec->pool, err) < 0)
		return -err->code;
	int r = uuid_draw(mark->token);
	if (r < 0)
		return err_set(err, -r, "draw a uuid: %s", strerror(-r));
	text_print(mark->pool, sizeof mark->pool, "%s", moving->spec->pool);
	text_print(mark->from_pool, sizeof mark->from_pool, "%s", machine->config.pool);
	snprintf(moving->prefix, sizeof moving->prefix, MOVE_COPIES "%.8s-", mark->token);
	moving->subject = subject_machine(machine);
	moving->arrival = (struct arrival){ .pool = &moving->target,
					    .subject = &moving->subject,
					    .size = machine->config.disk_size,
					    .trusted = true,
					    .passing = moving->prefix };
	return pool_move_mark(moving, err);
}

/* ---- The switch */

/* A snapshot may have got another name since it was copied. */
static int match_one(struct pool_moving *moving, const struct snapshot_entry *entry,
		     struct err *err)
{
	struct content content;
	struct arrived *one = NULL;

	int r = content_find(moving->machine->folder, entry->name, entry->volume_made, &content,
			     err);
	if (r < 0 && err->code)
		return r;
	if (r == 0)
		one = pool_copy_find(moving, content.files);
	if (!one)
		return err_set(err, ESTALE,
			       "snapshot '%s' was taken while the machine was copied; try again",
			       entry->name);
	one->was = entry->volume_made;
	return text_take(&one->volume.snapshot, strdup(entry->name)) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/*
 * Under the lock of the machine, what has come is all that it has: nothing that was deleted meanwhile, and no snapshot
 * less.
 */
static int match_all(struct pool_moving *moving, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct arrival *arrival = &moving->arrival;
	size_t count = 0;

	if (snapshot_list(moving->machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (!text_starts(list[i].name, moving->prefix) &&
		    match_one(moving, &list[i], err) < 0)
			return -err->code;
	}
	for (size_t i = arrival->count; i > 0; i--) {
		if (*arrival->list[i - 1].volume.snapshot && !arrival->list[i - 1].was)
			arrival_drop_one(arrival, i - 1);
	}
	return 0;
}

static int name_volumes(struct pool_moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	struct arrival *arrival = &moving->arrival;
	char volume[VOLUME_NAME_MAX + 1];

	for (size_t i = 0; i + 1 < arrival->count; i++) {
		if (arrival_keep_snapshot(arrival, &arrival->list[i], false, err) < 0)
			return -err->code;
		fault_point("pool-move-kept");
	}
	machine_volume(machine->name, volume);
	if (arrival_keep_root(arrival, arrival_root(arrival), err) < 0)
		return -err->code;
	fault_point("pool-move-named");
	if (check_new_root(machine, arrival->pool, volume, err) < 0)
		return -err->code;
	return rootsize_fit(arrival->pool, volume, machine->config.disk_size, err);
}

/* The commit point. */
static int set_pool(struct machine *machine, const char *pool, struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (!conf || text_take(&machine->config.pool, strdup(pool)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (config_save(&machine_schema, conf, &machine->config, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	return 0;
}

static int write_phase(struct pool_moving *moving, enum move_phase phase, struct err *err)
{
	struct move_mark next = moving->mark;

	next.phase = phase;
	if (move_write(moving->machine, &next, err) < 0)
		return -err->code;
	moving->mark = next;
	return 0;
}

static int switch_pools(struct pool_moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || settings_read_again(machine, err) < 0 || match_all(moving, err) < 0 ||
	    pool_move_check_free(machine, &moving->target, err) < 0 ||
	    write_phase(moving, MOVE_POOL_SWITCHING, err) < 0)
		return -err->code;
	fault_point("pool-move-switching");
	if (name_volumes(moving, err) < 0)
		return -err->code;
	int r = set_pool(machine, moving->mark.pool, err);
	fault_point("pool-move-switched");
	return r;
}

/* ---- The end */

/* The machine did not start: it goes on where it was, and what has come is removed. */
static int switch_back(struct pool_moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	return lock < 0 || settings_read_again(machine, err) < 0 ||
			       set_pool(machine, moving->mark.from_pool, err) < 0
		       ? -err->code
		       : 0;
}

/* err has the cause. */
static int stay(struct pool_moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	struct err why = *err, left = { 0 }, stopped = { 0 };

	arrival_end(&moving->arrival);
	settings_read_again(machine, &(struct err){ 0 });
	pool_move_settle(machine, &moving->mark, &left);
	if (moving->mark.ran)
		machine_start(machine, NULL, NULL, &stopped);
	bool runs = run_alive(machine);
	*err = (struct err){ 0 };
	return err_set(err, why.code, "%.900s; machine '%s' %s in pool '%s'%s%.400s%s%.400s",
		       why.text, machine->name, runs ? "runs on" : "stays", moving->mark.from_pool,
		       stopped.code ? ", and is stopped: " : "", stopped.text,
		       left.code ? "; the next command removes what has come: " : "", left.text);
}

static int start_again(struct pool_moving *moving, struct pool_move_report *report, struct err *err)
{
	struct err back = { 0 };

	if (!moving->mark.ran || machine_start(moving->machine, NULL, &report->warning, err) == 0)
		return 0;
	if (switch_back(moving, &back) < 0)
		return err_set(err, back.code, "%s; it is in pool '%s' now", back.text,
			       moving->mark.pool);
	return stay(moving, err);
}

/* An interrupt must not leave the machine stopped. */
static void hold_interrupts(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static int check_attributes(const struct pool_moving *moving, struct err *err)
{
	uint64_t lost = moving->arrival.attributes;

	return lost && !moving->spec->drop_attributes
		       ? err_set(err, EOPNOTSUPP,
				 "%llu attributes and entries of access control lists of machine "
				 "'%s' would be lost; --drop-attributes moves it without them",
				 (unsigned long long)lost, moving->machine->name)
		       : 0;
}

static int stop_and_switch(struct pool_moving *moving, struct pool_move_report *report,
			   struct err *err)
{
	if (moving_stop(moving->machine, &moving->mark, NULL, &report->killed, err) < 0 ||
	    pool_copy_last(moving, err) < 0 || check_attributes(moving, err) < 0)
		return -err->code;
	fault_point("pool-move-last");
	return switch_pools(moving, err);
}

int pool_move_is_live(const struct machine *machine, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char root[VOLUME_NAME_MAX + 1];

	machine_volume(machine->name, root);
	if (pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	return volume_copies_at_once(&pool, root);
}

static int copy_running(struct pool_moving *moving, struct err *err)
{
	int live = run_alive(moving->machine) ? pool_move_is_live(moving->machine, err) : 0;

	if (live <= 0)
		return live;
	return pool_copy_running(moving, err) < 0 ? -err->code : check_attributes(moving, err);
}

int machine_pool_move(struct machine *machine, const struct pool_move_spec *spec,
		      struct pool_move_report *report, struct err *err)
{
	scoped_moving struct pool_moving moving = {
		.machine = machine, .spec = spec, .target.use_fd = -1, .lock = -1
	};

	*report = (struct pool_move_report){ 0 };
	if (begin(&moving, err) < 0)
		return -err->code;
	fault_point("pool-move-begun");
	if (copy_running(&moving, err) < 0)
		return stay(&moving, err);
	hold_interrupts();
	int64_t began = clock_ms();
	if (stop_and_switch(&moving, report, err) < 0)
		return stay(&moving, err);
	if (start_again(&moving, report, err) < 0)
		return -err->code;
	fault_point("pool-move-started");
	report->ran = moving.mark.ran;
	report->still = clock_ms() - began;
	machine_tell(machine, &(struct event){ .name = "pool-changed",
					       .from = moving.mark.from_pool,
					       .pool = moving.mark.pool });
	pool_move_settle(machine, &moving.mark, &report->unremoved);
	return 0;
}
