/* SPDX-License-Identifier: GPL-2.0-or-later */
/* start, stop, kill, restart, pause, resume, delete: each on any number of machines. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/data/data.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/manage/boot.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

static const struct flag flag_running = { "force", 'f', false, NULL,
					  "running machines too: they are killed" };
static const struct flag flag_all = { "all", 'a', false, NULL, "all machines, in their order" };
static const struct flag flag_foreground = {
	"foreground", 0, false, NULL,
	"stay until it ends, stop it on SIGTERM: for one that is to be a service"
};
static const struct flag *const start_flags[] = {
	&flag_all, &flag_console, &flag_escape, &flag_foreground, &flag_label, &flag_wait, NULL
};
static const struct flag *const stop_flags[] = { &flag_all, &flag_kill, &flag_label, &flag_timeout,
						 NULL };
static const struct flag *const restart_flags[] = { &flag_console, &flag_escape,  &flag_kill,
						    &flag_label,   &flag_timeout, &flag_wait,
						    NULL };
static const struct flag *const delete_flags[] = { &flag_running, &flag_label, NULL };
static const struct flag *const label_flags[] = { &flag_label, NULL };

/* Numbers are checked before anything is done. */
static int check_numbers(const struct call *call, struct err *err)
{
	uint64_t unused;
	int r = call_seconds(call, &flag_wait, 60, &unused, err);

	return r != 0 ? r : call_seconds(call, &flag_timeout, 0, &unused, err);
}

/* A start does not resume a machine that somebody has paused. */
static void tell_running(struct machine *machine)
{
	struct machine_status status = { 0 };

	machine_status(machine, NULL, &status);
	if (status.state == MACHINE_PAUSED)
		print_note("machine '%s' is paused; let it go on with: berth resume %s",
			   machine->name, machine->name);
	else
		print_note("machine '%s' is running already", machine->name);
}

static int start_and_wait(struct call *call, struct machine *machine, bool *was_running,
			  struct err *err)
{
	long mark = console_mark(machine);

	int r = start_machine(machine, was_running, err);
	if (r == 0 && *was_running)
		tell_running(machine);
	if (r == 0)
		r = wait_booted(call, machine, err);
	else
		console_show(machine, mark);
	if (r == -ECANCELED)
		console_show(machine, mark);
	return r;
}

static int start_one(struct call *call, struct machine *machine, struct err *err)
{
	return start_anew_if_ended(call, machine, start_and_wait, err);
}

static int stop_one(struct call *call, struct machine *machine, struct err *err)
{
	return stop_machine(call, machine, call_has(call, &flag_kill), false, err);
}

static int kill_one(struct call *call, struct machine *machine, struct err *err)
{
	return stop_machine(call, machine, true, false, err);
}

/* A machine that could not start again is not stopped for a restart. */
static int check_restart(const struct machine *machine, struct err *err)
{
	if (machine->config.ephemeral)
		return err_set(
			err, EINVAL,
			"machine '%s' is ephemeral, stopping it would delete it; reboot it from "
			"inside: berth exec %s -- reboot",
			machine->name, machine->name);
	return machine_check_start(machine, err) < 0
		       ? err_wrap(err, "machine '%s' could not start again, so it is not stopped",
				  machine->name)
		       : 0;
}

static int restart_one(struct call *call, struct machine *machine, struct err *err)
{
	int r = check_restart(machine, err);
	if (r == 0)
		r = stop_machine(call, machine, call_has(call, &flag_kill), true, err);
	return r != 0 ? r : start_one(call, machine, err);
}

/* A copy that was made for an ephemeral machine has gone with it. */
static bool is_there(const struct call *call, const char *volume)
{
	struct volume_config config = { 0 };
	int r = data_open(&call->dirs, volume, &config, &(struct err){ 0 });

	config_free(&volume_schema, &config);
	return r != -ENOENT;
}

static int delete_one(struct call *call, struct machine *machine, struct err *err)
{
	scoped_progress struct progress progress = { 0 };
	scoped_text struct text volumes = { 0 };

	progress_begin(&progress, "deleting machine '%s'", machine->name);
	int r = machine_delete(machine, call_has(call, &flag_running), err);
	progress_end(&progress);
	for (const struct section *at = machine->config.volumes; r == 0 && at; at = at->next) {
		/* A volume that it only reads is another machine's. */
		if (!((const struct attached_config *)at)->readonly && is_there(call, at->name))
			text_add(&volumes, " %s", at->name);
	}
	if (volumes.length)
		print_note("volumes of machine '%s' stay, with their data; delete them too: berth "
			   "volume "
			   "delete%s",
			   machine->name, text_str(&volumes));
	return r;
}

static int pause_one(struct call *call, struct machine *machine, struct err *err)
{
	bool was = false;

	(void)call;
	int r = machine_pause(machine, true, &was, err);
	if (r == 0 && was)
		print_note("machine '%s' is paused already", machine->name);
	return r;
}

static int resume_one(struct call *call, struct machine *machine, struct err *err)
{
	bool was = false;

	(void)call;
	int r = machine_pause(machine, false, &was, err);
	if (r == 0 && was)
		print_note("machine '%s' is not paused", machine->name);
	return r;
}

static int run_pause(struct call *call, struct err *err)
{
	return for_each_machine(call, pause_one, false, err);
}

static int run_resume(struct call *call, struct err *err)
{
	return for_each_machine(call, resume_one, false, err);
}

/* The words are either names of machines or --all; --label may stand for names. */
static int check_all(const struct call *call, struct err *err)
{
	if (call_has(call, &flag_label) && !call_has(call, &flag_all))
		return check_numbers(call, err);
	if (call_has(call, &flag_label)) {
		err_set(err, EINVAL, "--all and --label exclude each other; use one of both");
		return EXIT_USAGE;
	}
	if (call_has(call, &flag_all) == (call->count == 0))
		return check_numbers(call, err);
	if (call->count)
		err_set(err, EINVAL, "--all is given and machines are named; use one of both");
	else
		err_set(err, EINVAL, "no machine is named; for all of them: berth %s --all",
			call->command->name);
	return EXIT_USAGE;
}

static int start_and_follow(struct call *call, struct machine *machine, struct err *err)
{
	int r = start_one(call, machine, err);

	return r != 0 ? r : follow_foreground(call, machine, err);
}

static int start_at_console(struct call *call, struct machine *machine, struct err *err)
{
	long mark = console_mark(machine);
	int r = start_one(call, machine, err);

	return r != 0 ? r : attach_started(call, machine, mark, err);
}

static int restart_at_console(struct call *call, struct machine *machine, struct err *err)
{
	int r = check_restart(machine, err);

	if (r == 0)
		r = stop_machine(call, machine, call_has(call, &flag_kill), true, err);
	return r != 0 ? r : start_at_console(call, machine, err);
}

/* --console and --foreground are for one machine, and exclude each other: each needs the whole command. */
static int check_alone(const struct call *call, struct err *err)
{
	if (call_has(call, &flag_foreground) && call_has(call, &flag_console))
		err_set(err, EINVAL, "--console and --foreground exclude each other");
	else if (call_has(call, &flag_foreground) && call->count != 1)
		err_set(err, EINVAL, "--foreground is for one machine");
	else
		return check_console(call, call->count, err);
	return EXIT_USAGE;
}

static int run_start(struct call *call, struct err *err)
{
	int r = check_all(call, err);

	if (r == 0)
		r = check_alone(call, err);
	if (r == 0 && call_has(call, &flag_foreground))
		return for_each_machine(call, start_and_follow, true, err);
	if (r == 0 && call_has(call, &flag_console))
		return for_each_machine(call, start_at_console, true, err);
	if (r == 0 && call_has(call, &flag_all))
		return act_on_all(call, BOOT_ALL, err);
	/* The starts run in processes of their own only if one would wait for the boot of another. */
	return r != 0 ? r : for_each_machine(call, start_one, call_has(call, &flag_wait), err);
}

/* A host that goes down ends with this. A connection would start a machine again. */
static int stop_all(struct call *call, struct err *err)
{
	scoped_fd int shut = passing_shut(&call->dirs, err);

	if (shut < 0)
		return shut;
	int r = act_on_all(call, BOOT_RUNNING, err);
	passing_end_listening(&call->dirs);
	machine_leave_groups(&call->dirs);
	return r;
}

static int run_stop(struct call *call, struct err *err)
{
	int r = check_all(call, err);

	if (r == 0 && call_has(call, &flag_all))
		return stop_all(call, err);
	return r != 0 ? r : for_each_machine(call, stop_one, true, err);
}

static int run_kill(struct call *call, struct err *err)
{
	return for_each_machine(call, kill_one, true, err);
}

static int run_restart(struct call *call, struct err *err)
{
	int r = check_numbers(call, err);

	if (r == 0)
		r = check_console(call, call->count, err);
	if (r == 0 && call_has(call, &flag_console))
		return for_each_machine(call, restart_at_console, true, err);
	return r != 0 ? r : for_each_machine(call, restart_one, true, err);
}

static int run_delete(struct call *call, struct err *err)
{
	int r = for_each_machine(call, delete_one, false, err);

	machine_sweep(&call->dirs);
	return r;
}

const struct command command_start = {
	.name = "start",
	.args = "[MACHINE]...",
	.help = "Start machines; one that runs already is fine",
	.flags = start_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_start,
};

const struct command command_stop = {
	.name = "stop",
	.aliases = "shutdown poweroff",
	.args = "[MACHINE]...",
	.help = "Ask machines to go down, and kill those that do not in time",
	.flags = stop_flags,
	.traits = COMMAND_ENDS,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_stop,
};

const struct command command_kill = {
	.name = "kill",
	.aliases = "terminate",
	.args = "MACHINE...",
	.help = "Stop machines at once, as if the power failed: stop --force",
	.flags = label_flags,
	.traits = COMMAND_ENDS,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_kill,
};

const struct command command_restart = {
	.name = "restart",
	.aliases = "reboot",
	.args = "MACHINE...",
	.help = "Stop machines and start them again",
	.flags = restart_flags,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_restart,
};

const struct command command_delete = {
	.name = "delete",
	.aliases = "rm destroy remove",
	.args = "MACHINE...",
	.help = "Delete stopped machines with their snapshots; running ones with --force",
	.flags = delete_flags,
	.traits = COMMAND_ENDS,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_delete,
};

const struct command command_pause = {
	.name = "pause",
	.aliases = "freeze",
	.args = "MACHINE...",
	.help = "Hold machines still, with all that runs in them",
	.flags = label_flags,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_pause,
};

const struct command command_resume = {
	.name = "resume",
	.aliases = "unpause unfreeze thaw",
	.args = "MACHINE...",
	.help = "Let paused machines go on",
	.flags = label_flags,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_resume,
};
