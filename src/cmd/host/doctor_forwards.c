/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: forwards without the process that passes their connections on. */
#include "cmd/host/doctor.h"

#include "base/scoped.h"
#include "base/text.h"
#include "config/values.h"
#include "machine/life/forwards.h"
#include "machine/life/passing.h"
#include "machine/life/run_state.h"
#include "machine/state/machine.h"

/* Whether it is to have a process now. */
static bool is_wanted(const struct machine *machine, const struct section *section)
{
	struct forward forward;

	return config_forward((const struct forward_config *)section, &forward,
			      &(struct err){ 0 }) == 0 &&
	       forward.proxy && (forward.on_demand || run_going(machine));
}

/* One on demand that was ended on purpose, as by stop --all, and of a machine that does not run. */
static bool is_at_rest(const struct machine *machine, const struct section *section)
{
	return !run_going(machine) && passing_has_ended(machine, section->name);
}

static int look_at_machine(void *context, const char *name)
{
	struct report *report = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, report->dirs, name, &(struct err){ 0 }) < 0 ||
	    !*machine.config.network)
		return 0;
	scoped_free char *remedy = text_format("run 'berth network up %s'", machine.config.network);
	scoped_free char *start = text_format("run 'berth start %s'", name);
	for (const struct section *at = machine.config.forwards; at; at = at->next) {
		const struct forward_config *section = (const struct forward_config *)at;
		scoped_free char *failure = passing_failure(&machine, at->name);
		if (failure)
			report_add(report, VERDICT_PROBLEM, "forward", start,
				   "forward '%s' of machine '%s' could not start it for the last "
				   "connection, and tries again 5 minutes later at the latest: %s",
				   at->name, name, failure);
		else if (is_wanted(&machine, at) && is_at_rest(&machine, at))
			report_add(report, VERDICT_NOTE, "forward", remedy,
				   "forward '%s' of machine '%s' does not listen on port %s: all "
				   "machines were stopped, or the host has booted since; the next "
				   "start of the machine makes it listen too",
				   at->name, name, section->port);
		else if (is_wanted(&machine, at) && !forwards_is_made(&machine, at->name))
			report_add(report, VERDICT_PROBLEM, "forward", remedy,
				   "forward '%s' of machine '%s' has no process that listens on "
				   "port %s of this host",
				   at->name, name, section->port);
	}
	return 0;
}

void doctor_forwards(struct report *report)
{
	machine_list(report->dirs, look_at_machine, report, &(struct err){ 0 });
}
