/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions of apply. Each is complete or not done, so that the next run goes on from there. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/backup/backup.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "network/network.h"

#include <string.h>

enum { BOOT_SECONDS = 60 };

/* ---- Machines */

/* Makes the default network if a machine is to be on it. */
static int find_network(const struct apply *apply, const struct apply_group *group, struct err *err)
{
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };

	if (wanted_make(apply, group, NULL, &wanted, err) < 0)
		return -err->code;
	return strcmp(wanted.config.network, apply->network) == 0 ? network_wanted(apply->call, err)
								  : 0;
}

static int create(struct apply *apply, struct apply_action *action, struct err *err)
{
	const struct machine_config *file = &action->group->settings.machine;
	__attribute__((cleanup(words_free))) struct apply_words words = { 0 };
	scoped_machine struct machine machine = { 0 };
	scoped_free char *pool = *file->pool ? strdup(file->pool) : NULL;
	struct progress progress = { 0 };
	int r = wanted_words(apply, action->group, WORDS_ALL, &words, err);

	if (r == 0)
		r = find_network(apply, action->group, err);
	if (r == 0 && !pool)
		r = pool_wanted(apply->call, &pool, err);
	if (r != 0)
		return r;
	const struct machine_spec spec = {
		.template = file->template,
		.pool = pool,
		.settings = { .words = (const char *const *)words.list, .count = words.count },
	};
	progress_begin(&progress, "creating machine '%s'", action->name);
	r = machine_create(&apply->call->dirs, action->name, &spec, err);
	progress_end(&progress);
	if (r == 0 && *file->backup_schedule)
		backup_remark_made(&apply->call->dirs, action->name);
	if (r < 0 || (!file->mounts && !file->devices && !file->forwards && !file->nics &&
		      !file->rules && !file->volumes && !setup_is_wanted(action->group)))
		return r;
	r = machine_open(&machine, &apply->call->dirs, action->name, err);
	if (r == 0)
		r = change_add_sections(apply, action, &machine, err);
	if (r == 0)
		r = setup_files(apply, action->group, &machine, err);
	/* It is made whole or not at all. */
	if (r != 0 && machine.name)
		machine_delete(&machine, true, &(struct err){ 0 });
	return r;
}

static int stop(struct machine *machine, struct err *err)
{
	enum stop_outcome outcome = STOP_CLEAN;
	struct progress progress = { 0 };

	progress_begin(&progress, "stopping machine '%s'", machine->name);
	int r = machine_stop(machine, false, 0, &outcome, err);
	progress_end(&progress);
	if (r == 0 && outcome == STOP_KILLED)
		print_note("machine '%s' did not go down in time and was killed", machine->name);
	return r;
}

/* Machines of boot.after that run have to have booted. */
static int await_others(struct apply *apply, const struct machine *machine, struct err *err)
{
	scoped_free char *names = strdup(machine->config.boot_after);
	char *rest = names;

	if (!names)
		return err_set(err, ENOMEM, "out of memory");
	for (char *name; (name = strsep(&rest, " "));) {
		scoped_machine struct machine other = { 0 };
		struct machine_status status = { 0 };
		if (!*name ||
		    machine_read(&other, &apply->call->dirs, name, &(struct err){ 0 }) < 0)
			continue;
		machine_status(&other, NULL, &status);
		if (machine_is_down(status.state) || status.booted)
			continue;
		if (machine_check_thawed(&other, err) < 0 ||
		    machine_wait_booted(&other, BOOT_SECONDS, err) < 0)
			return err_wrap(err, "machine '%s' starts after '%s'", machine->name, name);
	}
	return 0;
}

static int start(struct apply *apply, struct machine *machine, struct err *err)
{
	int r = await_others(apply, machine, err);

	return r < 0 ? r : start_machine(machine, NULL, err);
}

/* A machine that is to be stopped runs only for its steps. */
static int set_up(struct apply *apply, struct apply_action *action, struct machine *machine,
		  struct err *err)
{
	bool stopped = strcmp(action->group->settings.state, "stopped") == 0;
	struct machine_status status = { 0 };
	int r = setup_files(apply, action->group, machine, err);

	if (r != 0 || !setup_awaits_steps(machine))
		return r;
	machine_status(machine, NULL, &status);
	if (stopped && machine_is_down(status.state))
		r = start(apply, machine, err);
	if (r == 0)
		r = setup_steps(apply, action, machine, err);
	return r == 0 && stopped ? stop(machine, err) : r;
}

/* As restart does: a machine is stopped only if it can start again. */
static int restart(struct apply *apply, struct machine *machine, struct err *err)
{
	int r = machine_check_start(machine, err);

	if (r == 0)
		r = stop(machine, err);
	if (r < 0)
		return r;
	r = start(apply, machine, err);
	return r < 0 ? err_wrap(err, "machine '%s' was stopped, and does not start", machine->name)
		     : 0;
}

void apply_start_again(struct apply *apply, size_t failed, struct text *out)
{
	for (size_t i = failed; i < apply->count; i++) {
		const struct apply_action *action = &apply->actions[i];
		scoped_machine struct machine machine = { 0 };
		struct err err = { 0 };
		bool stopped = false;
		for (size_t k = 0; k < failed && action->kind == APPLY_START; k++)
			stopped = stopped || (apply->actions[k].kind == APPLY_STOP &&
					      strcmp(apply->actions[k].name, action->name) == 0);
		if (!stopped)
			continue;
		if (machine_open(&machine, &apply->call->dirs, action->name, &err) == 0 &&
		    start_machine(&machine, NULL, &err) == 0)
			text_add(out, "; machine '%s', which was stopped for it, runs again",
				 action->name);
		else
			text_add(out,
				 "; machine '%s' was stopped for it, and does not start (%.120s): "
				 "berth start %s",
				 action->name, err.text, action->name);
	}
}

int apply_do(struct apply *apply, struct apply_action *action, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (action->kind == APPLY_PULL)
		return image_fetch(apply, action, err);
	if (action->kind == APPLY_NETWORK)
		return network_make(apply, action, err);
	if (action->kind == APPLY_NETWORK_CHANGE)
		return network_change(apply, action, err);
	if (action->kind == APPLY_NETWORK_RULES)
		return network_renew(apply, action, err);
	if (action->kind == APPLY_CREATE)
		return create(apply, action, err);
	int r = machine_open(&machine, &apply->call->dirs, action->name, err);
	/* Another command was faster. */
	if (r == -ENOENT && action->kind == APPLY_DELETE) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (r < 0)
		return r;
	if (action->kind == APPLY_CHANGE)
		return change_do(apply, action, &machine, err);
	if (action->kind == APPLY_RULES)
		return machine_renew_rules(&machine, err);
	if (action->kind == APPLY_STOP)
		return stop(&machine, err);
	if (action->kind == APPLY_RESTART)
		return restart(apply, &machine, err);
	if (action->kind == APPLY_START && setup_files(apply, action->group, &machine, err) != 0)
		return -err->code;
	if (action->kind == APPLY_START)
		return start(apply, &machine, err);
	if (action->kind == APPLY_SETUP)
		return set_up(apply, action, &machine, err);
	return machine_delete(&machine, true, err);
}
