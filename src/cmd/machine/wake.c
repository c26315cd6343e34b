/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * _wake: a machine is started or resumed because somebody connects to a forward on demand. The forward's process runs it
 * (src/forwarder/demand_serve.c). It is not for people.
 */
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/verbs.h"
#include "config/config.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/start/start.h"
#include "machine/state/machine.h"

#include <errno.h>

/* Connections do not wait for the boot, but for their port: a machine that fails before it has booted closes them. */
enum { BOOT_SECONDS = 60 };

static int check_wanted(const struct machine *machine, const char *name, struct err *err)
{
	const struct section *section = config_section(machine->config.forwards, name);

	if (!section || !((const struct forward_config *)section)->on_demand)
		return err_set(err, ENOENT, "machine '%s' has no forward '%s' on demand",
			       machine->name, name);
	if (passing_is_shut(machine->dirs))
		return err_set(err, EBUSY, "all machines are being stopped");
	return 0;
}

static int start_and_wait(struct call *call, struct machine *machine, bool *was_running,
			  struct err *err)
{
	(void)call;
	int r = start_machine(machine, was_running, err);
	if (r == 0)
		r = machine_wait_booted(machine, BOOT_SECONDS, err);
	if (r == -ETIMEDOUT) {
		*err = (struct err){ 0 };
		return 0;
	}
	return r;
}

static int wake(struct call *call, struct machine *machine, struct err *err)
{
	struct machine_status status = { 0 };

	machine_glance(machine, &status);
	return status.state == MACHINE_PAUSED
		       ? machine_pause(machine, false, NULL, err)
		       : start_anew_if_ended(call, machine, start_and_wait, err);
}

/* Whether it was stopped while its boot was waited for, which is no failure: the next connection starts it again. */
static bool was_stopped(const struct machine *machine, int r)
{
	struct machine_status status = { 0 };

	if (r != -ECANCELED)
		return false;
	machine_glance(machine, &status);
	return status.state == MACHINE_STOPPED || status.state == MACHINE_STOPPING;
}

static int run_wake(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	const char *forward = call->words[1];
	int r = open_named(&machine, call, call->words[0], err);

	if (r != 0)
		return r;
	r = check_wanted(&machine, forward, err);
	if (r == 0)
		r = wake(call, &machine, err);
	if (r < 0 && was_stopped(&machine, r)) {
		*err = (struct err){ 0 };
		r = 0;
	}
	passing_note_failure(&machine, forward, r < 0 ? err->text : NULL);
	/* Once: the next attempts, which connections cause, are not told until one succeeds. */
	if (r < 0 && call->count < 3)
		passing_tell_failed(&machine, forward, err);
	return r;
}

const struct command command_wake = {
	.name = "_wake",
	.args = "MACHINE FORWARD [again]",
	.help = "Start or resume a machine that somebody connects to; run by the process of a "
		"forward on demand",
	.traits = COMMAND_HIDDEN,
	.min = 2,
	.max = 3,
	.run = run_wake,
};
