/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The desktop of a machine for one viewer: the machine is woken, its display found, and both are connected. */
#include "cmd/machine/desktop.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "machine/desktop/desktop.h"
#include "machine/life/life.h"
#include "machine/life/use.h"

const struct flag flag_desktop_wait = {
	"timeout", 't', false, "TIME", "how long to wait for a display that is not there yet; 30s"
};
const struct flag flag_view_only = { "view-only", 0, false, NULL,
				     "take keys, pointer, clipboard and size out of what is sent" };

static int wake(struct machine *machine, struct err *err)
{
	struct machine_status status;
	bool was = true;
	int r;

	machine_status(machine, NULL, &status);
	if (machine_is_down(status.state) || status.state == MACHINE_STARTING)
		r = start_machine(machine, &was, err);
	else if (status.state == MACHINE_PAUSED)
		r = machine_pause(machine, false, &was, err);
	else
		return machine_check_thawed(machine, err);
	if (r == 0)
		print_note("machine '%s' %s for its desktop", machine->name,
			   status.state == MACHINE_PAUSED ? "goes on" : "was started");
	return r;
}

static int open_checked(struct machine *machine, struct call *call, struct err *err)
{
	int r = open_named(machine, call, call->words[0], err);

	return r == 0 ? machine_check(machine, err) : r;
}

int desktop_wake(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_checked(&machine, call, err);

	return r == 0 ? wake(&machine, err) : r;
}

int desktop_show(struct call *call, int in, int out, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	enum desktop_end end;
	uint64_t seconds;

	int r = call_seconds(call, &flag_desktop_wait, 0, &seconds, err);
	if (r == 0)
		r = open_checked(&machine, call, err);
	if (r == 0)
		r = use_wake(&machine, err);
	if (r != 0)
		return r;
	scoped_fd int use = use_begin(&machine, err);
	if (use < 0)
		return use;
	scoped_fd int display = desktop_connect(&machine, (unsigned)seconds, err);
	if (display < 0)
		return display;
	r = desktop_carry(display, in, out, call_has(call, &flag_view_only), &end, err);
	if (r == 0 && end == DESKTOP_CLOSED)
		print_note("the display of machine '%s' has closed the connection", machine.name);
	return r;
}
