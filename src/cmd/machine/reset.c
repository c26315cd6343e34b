/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reset: machines go back to their template or to a snapshot, and run again if they ran. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"

#include <string.h>

static const struct flag flag_to = { "to", 0, false, "SNAP",
				     "back to that snapshot, not to the template" };
static const struct flag *const reset_flags[] = { &flag_to, &flag_wait, NULL };

/* With the root goes the set-up by apply; this is noted before, so that a kill cannot leave a machine without it. */
static int reset_whole(struct machine *machine, struct err *err)
{
	const char *mark = config_label(machine->config.labels, "provisioned");
	scoped_free char *before = mark ? strdup(mark) : NULL;
	struct config_change change = { "label.provisioned", "no" };

	if (mark && (!before ? err_set(err, ENOMEM, "out of memory")
			     : machine_set(machine, &change, 1, err)) < 0)
		return -err->code;
	int r = machine_reset(machine, NULL, err);
	change.value = before;
	if (r < 0 && before)
		machine_set(machine, &change, 1, &(struct err){ 0 });
	return r;
}

static int reset_stopped(struct call *call, struct machine *machine, struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "resetting machine '%s'", machine->name);
	return call_has(call, &flag_to) ? machine_reset(machine, call_value(call, &flag_to), err)
					: reset_whole(machine, err);
}

static int boot(struct call *call, struct machine *machine, struct err *err)
{
	long mark = console_mark(machine);
	int r = start_machine(machine, NULL, err);

	if (r == 0)
		r = wait_booted(call, machine, err);
	if (r < 0)
		console_show(machine, mark);
	return r;
}

/* The machine is killed, not halted, because all that it would write while it halts is discarded. */
static int reset_running(struct call *call, struct machine *machine, bool boots, struct err *err)
{
	int r = stop_machine(call, machine, true, true, err);

	if (r != 0)
		return r;
	r = reset_stopped(call, machine, err);
	if (!boots)
		return r;
	if (r == 0)
		return boot(call, machine, err);
	/* The machine is started again as it was, as far as possible. */
	struct err ignored = { 0 };
	start_machine(machine, NULL, &ignored);
	return r;
}

static int reset_one(struct call *call, struct machine *machine, struct err *err)
{
	struct machine_status status = { 0 };
	int r = machine_reset_check(machine, call_value(call, &flag_to), err);

	if (r != 0)
		return r;
	machine_status(machine, NULL, &status);
	if (machine_is_down(status.state))
		return reset_stopped(call, machine, err);
	/* A machine that is stopping stays stopped. */
	return reset_running(call, machine, status.state != MACHINE_STOPPING, err);
}

/* A reset discards what a machine has written, so that all names are looked at before the first is. */
static int check_name(struct call *call, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_machine struct machine first = { 0 };
	struct err why = { 0 }, absent = { 0 };
	int r = strpbrk(name, "*?[") ? 0 : machine_look(&machine, &call->dirs, name, &why);

	if (r == -ENOENT && machine_look(&first, &call->dirs, call->words[0], &absent) == 0 &&
	    snapshot_exists(&first, name, &absent) == 0)
		return err_set(
			err, ENOENT,
			"no machine '%s', but machine '%s' has a snapshot of that name: berth "
			"reset --to %s %s",
			name, first.name, name, first.name);
	*err = why;
	return r;
}

static int run_reset(struct call *call, struct err *err)
{
	const char *snapshot = call_value(call, &flag_to);
	uint64_t unused;
	int r = call_seconds(call, &flag_wait, 60, &unused, err);

	if (r == 0 && snapshot)
		r = name_check(snapshot, err);
	for (int i = 0; r == 0 && call->count > 1 && i < call->count; i++)
		r = check_name(call, call->words[i], err);
	return r != 0 ? r : for_each_machine(call, reset_one, true, err);
}

const struct command command_reset = {
	.name = "reset",
	.args = "MACHINE...",
	.help = "Put the root back to the template or a snapshot, and boot again if it ran",
	.flags = reset_flags,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_reset,
};
