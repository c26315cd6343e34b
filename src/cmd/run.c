/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run: runs one command in a new machine, and deletes the machine afterwards. */
#include "cmd/verbs.h"

#include "base/scoped.h"
#include "cmd/common.h"
#include "cmd/print.h"
#include "machine/attach/attach.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <signal.h>

static const struct flag *const run_flags[] = { &flag_cwd,    &flag_env,  &flag_network,
						&flag_no_tty, &flag_pool, &flag_set,
						&flag_tty,    &flag_user, NULL };

enum { BOOT_SECONDS = 60 };

/* Starts the machine and runs the command in it. The caller deletes the machine in every case. */
static int run_inside(struct call *call, struct machine *machine, struct err *err)
{
	scoped_fd int owned = machine_own(machine, err);

	if (owned < 0 || machine_wait_booted(machine, BOOT_SECONDS, err) < 0)
		return EXEC_FAILED;
	return enter_machine(call, machine, call->words + 1, err);
}

/* The machine's end deletes it, unless its keeper was killed. */
static void throw_away(struct machine *machine)
{
	struct err err = { 0 };

	if (machine_delete(machine, true, &err) < 0)
		print_note("%s", err.text);
}

/*
 * A keyboard interrupt must not leave the machine behind. Signals are blocked until the command runs, which gets them
 * itself.
 */
static int run_run(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *pulled = NULL;
	scoped_fd int owner = -1;
	char name[64];
	sigset_t ours;

	int got = template_wanted(call, &pulled, err);
	if (got != 0)
		return got < 0 ? EXEC_FAILED : got;
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	int r = create_wanted(call, NULL, true, &owner, name, err);
	if (r != 0)
		return r < 0 ? EXEC_FAILED : r;
	if (machine_open(&machine, &call->dirs, name, err) < 0 ||
	    start_or_delete(&machine, err) < 0)
		return EXEC_FAILED;
	int code = run_inside(call, &machine, err);
	throw_away(&machine);
	return code;
}

const struct command command_run = {
	.name = "run",
	.args = "TEMPLATE [--] COMMAND [ARG]...",
	.help = "Run a command in a new machine that is deleted after it",
	.flags = run_flags,
	.traits = COMMAND_TAIL,
	.min = 2,
	.max = -1,
	.first = WORD_TEMPLATE,
	.run = run_run,
};
