/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each run of a machine has another port, and each port another process of berth-capture, which all write one file. So
 * the process needs no rights once its link is open.
 */
#include "machine/attach/capture.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/nics.h"
#include "network/inside_note.h"
#include "network/link_names.h"

#include "base/clock.h"
#include "base/scoped.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

enum {
	LOOK_MS = 100,      /* between looks at a machine that has lost its port */
	AGAIN_MS = 2000,    /* from the end of a machine to its next start, of `berth restart` */
	MISSING_MS = 30000, /* a running machine without its port */
	END_MS = 5000,      /* for the reader of the output to take the rest */
	DISK_MS = 60000,    /* for a disk to do so */
	HURRY_MS = 1000, /* a signal after that time ends the wait; timeout(1) sends two at once */
};

struct port {
	char link[IFNAMSIZ];
	unsigned index;          /* 0: there is no such link */
	int space;               /* owned; the network namespace that has the link; -1: ours */
	struct inside_note note; /* of a link that is not in ours; else zeros */
};

static void port_close(struct port *port)
{
	scoped_close_fd(&port->space);
	*port = (struct port){ .space = -1 };
}
#define scoped_port __attribute__((cleanup(port_close)))

/* ---- The port */

/* The name of the interface that is meant. */
static const char *wanted_nic(const struct machine *machine, const char *given)
{
	if (given)
		return given;
	if (!*machine->config.network && machine->config.nics && !machine->config.nics->next)
		return machine->config.nics->name;
	return LEASE_LINK;
}

static int tell_no_nic(const struct machine *machine, const char *nic, struct err *err)
{
	return err_set(err, ENOENT,
		       "machine '%s' runs without a nic '%.60s'; see: berth nic list %s",
		       machine->name, nic, machine->name);
}

/* An interface without an end on the host is captured from where it is. */
static void find_inside(const struct network *network, const char *machine, struct port *port)
{
	struct link_info link;

	port->space = inside_enter(network, machine, &link, &port->note);
	if (port->space < 0)
		return;
	port->index = (unsigned)link.index;
	snprintf(port->link, sizeof port->link, "%s", link.name);
}

/*
 * The port of the present run, which port had another one of. -ESRCH: the machine does not run; -ENOENT: the run has no
 * such interface.
 */
static int find_port(const struct machine *machine, const char *nic, struct port *port,
		     struct err *err)
{
	scoped_network struct network network = { 0 };
	struct run_state state;

	port_close(port);
	if (!run_going(machine) || run_read_state(machine, &state) < 0)
		return err_set(err, ESRCH,
			       "machine '%s' is not running, so that it has no packets; start it: "
			       "berth start %s",
			       machine->name, machine->name);
	const char *on = run_network_of(&state, nic);
	if (!on)
		return tell_no_nic(machine, nic, err);
	if (network_open(&network, machine->dirs, on, err) < 0)
		return -err->code;
	if (config_is_inside(&network.config)) {
		find_inside(&network, machine->name, port);
		return 0;
	}
	port_ifname(&network, machine->name, port->link);
	port->index = if_nametoindex(port->link);
	return 0;
}

int machine_capture_check(struct machine *machine, const struct machine_capture *wish,
			  struct err *err)
{
	const char *nic = wanted_nic(machine, wish->nic);
	scoped_port struct port port = { .space = -1 };

	if (find_port(machine, nic, &port, err) < 0)
		return -err->code;
	return port.index ? 0
			  : err_set(err, ENODEV,
				    "machine '%s': the port of its nic '%.60s' is gone; bring it "
				    "back: berth network up %s",
				    machine->name, nic,
				    *machine->config.network ? machine->config.network : "NETWORK");
}

/* ---- One run */

/* Reads the signal, which ends the capture. */
static bool was_stopped(int stop_fd, int milliseconds)
{
	struct pollfd fd = { .fd = stop_fd, .events = POLLIN };
	struct signalfd_siginfo info;

	return poll(&fd, 1, milliseconds) > 0 && read(stop_fd, &info, sizeof info) > 0;
}

/* A later signal, or an output that takes nothing, ends the wait for the rest. */
static int end_asked(struct capture *capture, const struct capture_spec *spec, int stop_fd,
		     struct capture_result *result, struct err *err)
{
	struct stat st;
	bool file = fstat(spec->out, &st) == 0 && S_ISREG(st.st_mode);
	int64_t asked = clock_ms();

	capture_stop(capture);
	for (;;) {
		int r = capture_wait(capture, LOOK_MS, result, err);
		if (r != -ETIMEDOUT)
			return r;
		*err = (struct err){ 0 };
		bool again = was_stopped(stop_fd, 0);
		int64_t waited = clock_ms() - asked;
		if (waited > (file ? DISK_MS : END_MS) || (again && waited > HURRY_MS))
			return file ? err_set(err, ETIMEDOUT,
					      "the capture is cut, since the disk of the file "
					      "takes "
					      "nothing; write to another one")
				    : err_set(err, ETIMEDOUT,
					      "the capture is cut, since its reader takes nothing; "
					      "let it read, or write into a file");
	}
}

/*
 * Waits for a word of the program, for a signal, or for the end of a machine whose namespace the capture keeps alive:
 * an interface without an end on the host would stay there, with the hardware address of the next run.
 */
static void wait_for_end(const struct capture *capture, const struct port *port, int stop_fd,
			 struct pollfd fds[2])
{
	const bool inside = port->note.pid > 0;

	fds[0] = (struct pollfd){ .fd = capture->fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	for (;;) {
		int r = poll(fds, 2, inside ? LOOK_MS : -1);
		if (r > 0 || (r == 0 && !inside_note_lives(&port->note)))
			return;
	}
}

static int capture_run(struct port *port, const struct capture_spec *spec, int stop_fd,
		       struct capture_result *result, struct err *err)
{
	scoped_capture struct capture capture = { .fd = -1 };
	struct pollfd fds[2];

	if (capture_begin(&capture, spec, err) < 0)
		return -err->code;
	scoped_close_fd(&port->space);
	wait_for_end(&capture, port, stop_fd, fds);
	if (fds[0].revents)
		return capture_wait(&capture, 0, result, err);
	bool asked = fds[1].revents;
	if (asked)
		was_stopped(stop_fd, 0);
	int r = end_asked(&capture, spec, stop_fd, result, err);
	if (r == 0 && !asked && result->end == CAPTURE_ASKED)
		result->end = CAPTURE_GONE;
	return r;
}

/* ---- Its runs */

struct runs {
	struct machine *machine;
	const struct machine_capture *wish;
	const char *nic;
	struct port port;
	int64_t until; /* by clock_ms(); 0: no limit */
	struct capture_result sum;
};

/* How long the port may be missing, in milliseconds, as the machine is; 0: for as long as it is so; -1: no longer. */
static int patience(const struct runs *runs, bool has_nic)
{
	struct machine_status status;

	if (access(runs->machine->folder, F_OK) < 0)
		return -1;
	machine_status(runs->machine, NULL, &status);
	if (machine_is_down(status.state))
		return AGAIN_MS;
	if (status.state == MACHINE_STARTING || status.state == MACHINE_STOPPING)
		return 0;
	return has_nic ? MISSING_MS : AGAIN_MS;
}

/* Waits for another port: true; or for a signal, the time, or the machine's end: false, with the end in sum. */
static bool find_next(struct runs *runs)
{
	int64_t since = clock_ms();
	unsigned before = runs->port.index;
	uint64_t number = runs->port.note.space;
	int last = 0;

	while (!runs->until || clock_ms() < runs->until) {
		struct err ignored = { 0 };
		int r = find_port(runs->machine, runs->nic, &runs->port, &ignored);
		if (r == 0 && runs->port.index &&
		    (runs->port.index != before || runs->port.note.space != number))
			return true;
		int most = patience(runs, r != -ENOENT);
		if (most != last)
			since = clock_ms();
		last = most;
		runs->sum.end = r == -ENOENT ? CAPTURE_REMOVED : CAPTURE_GONE;
		if (most < 0 || (most > 0 && clock_ms() - since > most))
			return false;
		if (was_stopped(runs->wish->stop_fd, LOOK_MS)) {
			runs->sum.end = CAPTURE_ASKED;
			return false;
		}
	}
	runs->sum.end = CAPTURE_FULL;
	return false;
}

static int go_through(struct runs *runs, struct err *err)
{
	const struct machine_capture *wish = runs->wish;
	struct capture_spec spec = { .link = runs->port.link,
				     .filter = wish->filter,
				     .snaplen = wish->snaplen,
				     .until = runs->until,
				     .out = wish->out };

	for (;; spec.goes_on = true) {
		struct capture_result result = { 0 };
		spec.space = runs->port.space;
		spec.count = wish->count ? wish->count - runs->sum.captured : 0;
		int r = capture_run(&runs->port, &spec, wish->stop_fd, &result, err);
		/* The port of a run that ends may go before it is opened. */
		if (r == -ENODEV && spec.goes_on)
			result.end = CAPTURE_GONE;
		else if (r < 0)
			return r;
		*err = (struct err){ 0 };
		runs->sum.captured += result.captured;
		runs->sum.dropped += result.dropped;
		runs->sum.end = result.end;
		runs->sum.failure = result.failure;
		if (result.end != CAPTURE_GONE || !find_next(runs))
			return 0;
		wish->tell(runs->machine->name, "has another port; the capture goes on there");
	}
}

int machine_capture(struct machine *machine, const struct machine_capture *wish,
		    struct capture_result *result, struct err *err)
{
	struct runs runs = { .machine = machine,
			     .wish = wish,
			     .nic = wanted_nic(machine, wish->nic),
			     .port = { .space = -1 } };

	int r = find_port(machine, runs.nic, &runs.port, err);
	if (wish->seconds)
		runs.until = clock_ms() + (int64_t)wish->seconds * 1000;
	if (r == 0)
		r = go_through(&runs, err);
	port_close(&runs.port);
	*result = runs.sum;
	return r;
}
