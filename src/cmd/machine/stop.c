/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stops one machine, for all verbs that do so. */
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/verbs.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"

const struct flag flag_kill = { "force", 'f', false, NULL, "kill at once, without asking" };

int stop_machine(struct call *call, struct machine *machine, bool force, bool restarting,
		 struct err *err)
{
	enum stop_outcome outcome = STOP_CLEAN;
	uint64_t seconds;

	int r = call_seconds(call, &flag_timeout, 0, &seconds, err);
	if (r != 0)
		return r;
	struct progress progress = { 0 };
	progress_begin(&progress, "stopping machine '%s'", machine->name);
	interrupt_note(
		"machine '%s' was asked to go down, and nobody waits for that now; 'berth stop %s' "
		"does so again, and --force kills it",
		machine->name, machine->name);
	r = machine_stop(machine, force, (unsigned)seconds, &outcome, err);
	interrupt_quiet();
	progress_end(&progress);
	if (r != 0)
		return r;
	if (outcome == STOP_WAS_STOPPED && !restarting)
		print_note("machine '%s' is stopped already", machine->name);
	else if (outcome == STOP_KILLED && !force)
		print_note("machine '%s' did not go down in time and was killed", machine->name);
	return 0;
}
