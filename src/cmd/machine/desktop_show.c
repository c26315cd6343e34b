/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The desktop of a machine for one viewer: the machine is woken, its display found, and both are connected. */
#include "cmd/machine/desktop.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "machine/desktop/desktop.h"
#include "machine/life/life.h"
#include "machine/life/use.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

const struct flag flag_desktop_wait = {
	"timeout", 't', false, "TIME", "how long to wait for a display that is not there yet; 30s"
};
const struct flag flag_socket = { "socket", 0, false, "PATH",
				  "listen there, and show it to every viewer that connects" };
const struct flag flag_stdio = { "stdio", 0, false, NULL,
				 "carry the protocol over standard input and output" };
const struct flag flag_viewer = { "viewer", 0, false, "PROGRAM",
				  "viewer to run, with the path of a socket as its argument" };
const struct flag flag_view_only = { "view-only", 0, false, NULL,
				     "take keys, pointer, clipboard and size out of what is sent" };

const struct flag flag_client = {
	"client", 0, false, "NAME",
	"of viewers with one name, the last gets the control of an earlier one"
};
const struct flag flag_take = { "take", 0, false, NULL, "take the control from another viewer" };
const struct flag flag_tell = {
	"tell", 0, false, NULL,
	"write to standard error, as JSON, who has the control, at each change"
};

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

/* Both signals do nothing before there is a control that they could change. */
static int wait_for_wishes(struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set(err, errno, "wait for signals: %s", strerror(errno)) : fd;
}

static const char *control_word(enum viewers_control control)
{
	switch (control) {
	case VIEWERS_OURS:
		return "ours";
	case VIEWERS_OTHER:
		return "other";
	case VIEWERS_FREE:
	default:
		return "free";
	}
}

static void tell_json(const struct viewers *viewers)
{
	if (viewers)
		dprintf(STDERR_FILENO, "{\"control\":\"%s\",\"viewers\":%u}\n",
			control_word(viewers->control), viewers->count);
}

/* Once, when it becomes so. */
static void tell_words(const struct viewers *viewers)
{
	static enum viewers_control before;
	bool changed = viewers && viewers->control != before;

	before = viewers ? viewers->control : before;
	if (changed && before == VIEWERS_OTHER)
		print_note("another viewer controls the desktop, and this one looks: --take, or "
			   "'kill -USR1 %d', takes the control",
			   (int)getpid());
}

/* Texts go both ways unless the machine says otherwise. */
static void judge_clipboard(const struct machine *machine, struct desktop_carriage *carriage)
{
	const char *ways = machine->config.desktop_clipboard;
	bool both = strcmp(ways, "both") == 0;

	carriage->no_paste = !both && strcmp(ways, "in") != 0;
	carriage->no_copy = !both && strcmp(ways, "out") != 0;
}

/* RDP is passed on unread, so that nothing of it can be refused. */
static int check_rdp(struct call *call, const struct machine *machine, struct err *err)
{
	bool asked = call_has(call, &flag_socket) || call_has(call, &flag_stdio) ||
		     call_has(call, &flag_viewer);

	if (call_has(call, &flag_tell) || !asked)
		return err_set(
			err, EPROTONOSUPPORT,
			"the desktop of machine '%s' speaks RDP, which needs a viewer of its "
			"own: berth desktop %s --viewer xfreerdp",
			machine->name, machine->name);
	if (call_has(call, &flag_view_only))
		return err_set(err, EPROTONOSUPPORT,
			       "the desktop of machine '%s' speaks RDP, out of which --view-only "
			       "cannot take anything",
			       machine->name);
	if (strcmp(machine->config.desktop_clipboard, "both") != 0)
		return err_set(err, EPROTONOSUPPORT,
			       "the desktop of machine '%s' speaks RDP, which cannot be held to "
			       "desktop.clipboard = %s: set it to both, and let the server in the "
			       "machine restrict it",
			       machine->name, machine->config.desktop_clipboard);
	return 0;
}

/* The display is there: shows it. */
static int show(struct call *call, struct desktop_carriage *carriage, bool rdp,
		struct machine *machine, struct err *err)
{
	const char *client = call_value(call, &flag_client);
	struct viewers viewers = { .folder = -1, .bell = -1 };
	enum desktop_end end;
	int r = rdp ? check_rdp(call, machine, err) : 0;

	if (r < 0)
		return r;
	scoped_fd int signals = interrupt_descriptor(0, err);
	scoped_fd int wishes = signals < 0 ? -1 : wait_for_wishes(err);
	if (signals < 0 || wishes < 0)
		return -err->code;
	carriage->signals = signals;
	carriage->wishes = wishes;
	carriage->view_only = call_has(call, &flag_view_only);
	judge_clipboard(machine, carriage);
	carriage->tell = call_has(call, &flag_tell) ? tell_json : tell_words;
	if (!carriage->view_only && !rdp) {
		r = viewers_join(&viewers, machine, client ? client : "",
				 call_has(call, &flag_take), err);
		carriage->viewers = &viewers;
	}
	if (r == 0)
		r = desktop_carry(carriage, &end, err);
	viewers_leave(&viewers);
	carriage->viewers = NULL;
	if (r == 0 && end == DESKTOP_CLOSED)
		print_note("the display of machine '%s' has closed the connection", machine->name);
	return r;
}

/* The use of a machine that runs, and a connection to a place in it. */
static int reach(struct call *call, enum desktop_place place, struct machine *machine, int *use,
		 bool *rdp, struct err *err)
{
	uint64_t seconds;
	int r = call_seconds(call, &flag_desktop_wait, 0, &seconds, err);

	if (r == 0)
		r = open_checked(machine, call, err);
	if (r == 0)
		r = use_wake(machine, err);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	*use = use_begin(machine, err);
	return *use < 0 ? *use : desktop_connect(machine, place, (unsigned)seconds, rdp, err);
}

int desktop_show(struct call *call, int in, int out, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int use = -1;
	bool rdp = false;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	scoped_fd int display = reach(call, DESKTOP_DISPLAY, &machine, &use, &rdp, err);
	struct desktop_carriage carriage = { .display = display, .in = in, .out = out };
	return display < 0 ? display : show(call, &carriage, rdp, &machine, err);
}

int desktop_listen(struct call *call, int out, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int use = -1;
	uint64_t left_out;
	bool rdp;

	scoped_fd int sound = reach(call, DESKTOP_SOUND, &machine, &use, &rdp, err);
	if (sound < 0)
		return sound;
	int r = desktop_play(sound, out, &left_out, err);
	if (left_out)
		print_note("%llu ms of sound were left out, for the listener was too slow",
			   (unsigned long long)(left_out / (SOUND_FRAME * SOUND_RATE / 1000)));
	return r;
}
