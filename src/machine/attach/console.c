/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's terminal and a machine's console, with its keeper in between. Neither side can block the other: typed
 * input is kept until the keeper takes it, and output until the terminal does.
 */
#include "machine/life/control.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "kern/pty.h"
#include "machine/attach/attach.h"
#include "machine/attach/outlet.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/state/machine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

enum {
	TYPED_ROOM = 256 << 10, /* a paste, after which the key that leaves is still seen */
	/* The time after that key for a guest that does not read. */
	LEAVE_MILLISECONDS = 2000,
};

struct session {
	struct machine *machine; /* borrowed */
	int socket;              /* borrowed */
	int signals;             /* borrowed */
	int input;               /* borrowed; -1: no more is typed */
	bool read_only;
	char detach;
	bool size_due;  /* the keeper has not been told the window's size */
	bool leaving;   /* the key that leaves was pressed */
	bool ended;     /* the guest's run has ended */
	bool answered;  /* the keeper has read all that was sent */
	int64_t asked;  /* time of the question whether it has, in milliseconds; 0: not asked */
	size_t at, end; /* typed bytes that are not sent */
	char typed[TYPED_ROOM];
	struct outlet outlet; /* owned */
};

static bool waits_typed(const struct session *session)
{
	return session->at < session->end;
}

static void send_size(struct session *session)
{
	struct winsize size;

	pty_read_size(STDIN_FILENO, &size);
	uint32_t value = (uint32_t)size.ws_row << 16 | size.ws_col;
	session->size_due =
		size.ws_row && size.ws_col && !session->read_only &&
		protocol_send(session->socket, SEND_SIZE, value, NULL, 0, -1) == -EAGAIN;
}

/* Sends as much as the socket takes. */
static int send_typed(struct session *session)
{
	if (session->size_due)
		send_size(session);
	while (waits_typed(session)) {
		size_t n = session->end - session->at;
		if (n > PROTOCOL_DATA)
			n = PROTOCOL_DATA;
		int r = protocol_send(session->socket, SEND_INPUT, 0, session->typed + session->at,
				      n, -1);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		session->at += n;
	}
	session->at = session->end = 0;
	return 0;
}

/* Takes typed bytes up to the key that leaves; false when the key was pressed again. */
static bool read_typed(struct session *session)
{
	char chunk[PROTOCOL_DATA];
	size_t room = sizeof session->typed - session->end;
	ssize_t n = read(session->input, chunk, room < sizeof chunk ? room : sizeof chunk);

	if (n <= 0) {
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return true;
		/* A read-only client has an input only if that is a terminal, and the terminal is gone. */
		session->leaving = session->leaving || session->read_only;
		session->input = -1;
		return true;
	}
	char *key = memchr(chunk, session->detach, (size_t)n);
	if (session->leaving)
		return !key;
	size_t typed = key ? (size_t)(key - chunk) : (size_t)n;
	session->leaving = key;
	if (!session->read_only) {
		memcpy(session->typed + session->end, chunk, typed);
		session->end += typed;
	}
	return true;
}

/*
 * Asks for an answer before leaving: a client that is refused the keyboard, or loses it, gets a message before the
 * answer. A keeper of any version answers, with or without a guest, when it has read all earlier messages.
 */
static void ask_for_the_end(struct session *session)
{
	if (session->asked)
		return;
	session->asked = clock_ms();
	session->answered = protocol_send(session->socket, ASK_GUEST, 0, NULL, 0, -1) < 0;
}

static int take_message(struct session *session, struct err *err)
{
	struct protocol_message message;
	int r = control_wait(session->machine, session->socket, &message, -1, err);
	size_t room;

	if (r == -EAGAIN && session->asked) {
		*err = (struct err){ 0 };
		session->answered = true;
		return 0;
	}
	if (r < 0)
		return r;
	session->answered = session->answered || message.type == SAY_GUEST;
	if (message.type == SAY_OUTPUT) {
		memcpy(outlet_room(&session->outlet, &room), message.data, message.length);
		outlet_add(&session->outlet, message.length);
	}
	session->ended = message.type == SAY_ENDED;
	return 0;
}

/* False when a signal asks us to leave. */
static bool take_signal(struct session *session)
{
	struct signalfd_siginfo info;

	if (read(session->signals, &info, sizeof info) != sizeof info)
		return true;
	if (info.ssi_signo == SIGWINCH)
		send_size(session);
	return info.ssi_signo == SIGWINCH;
}

enum { WAIT_SOCKET, WAIT_INPUT, WAIT_SHOWN, WAIT_SIGNALS, WAIT_COUNT };

static int wait_any(const struct session *session, struct pollfd fds[WAIT_COUNT])
{
	bool shown = !outlet_waits(&session->outlet);
	bool send = waits_typed(session) || session->size_due;
	/* A key that had to wait for room would be no way out. */
	bool read = session->end < sizeof session->typed;
	short events = (short)((shown ? POLLIN : 0) | (send ? POLLOUT : 0));

	fds[WAIT_SOCKET] =
		(struct pollfd){ session->ended || !events ? -1 : session->socket, events, 0 };
	fds[WAIT_INPUT] = (struct pollfd){ read ? session->input : -1, POLLIN, 0 };
	fds[WAIT_SHOWN] = (struct pollfd){ shown ? -1 : session->outlet.fd, POLLOUT, 0 };
	fds[WAIT_SIGNALS] = (struct pollfd){ session->signals, POLLIN, 0 };
	return poll(fds, WAIT_COUNT, session->leaving || session->asked ? LEAVE_MILLISECONDS : -1);
}

/* Whether the client can leave now. */
static bool is_through(struct session *session)
{
	if (session->outlet.error)
		return true;
	if (session->ended)
		return !outlet_waits(&session->outlet);
	/* A read-only client types nothing, so the end of a file or a pipe has no meaning. */
	bool typed = session->leaving || (session->input < 0 && !session->read_only);
	if (!typed || waits_typed(session))
		return false;
	if (session->read_only)
		return true;
	/* A keeper that does not answer holds the input for a guest that does not read. */
	ask_for_the_end(session);
	return session->answered || clock_ms() - session->asked >= LEAVE_MILLISECONDS;
}

static int move(struct session *session, const struct pollfd fds[WAIT_COUNT], struct err *err)
{
	int r = 0;

	if (fds[WAIT_SHOWN].revents)
		outlet_write(&session->outlet);
	if (fds[WAIT_SOCKET].revents & ~POLLOUT && !outlet_waits(&session->outlet))
		r = take_message(session, err);
	if (r == 0 && !session->ended && send_typed(session) < 0) {
		/* The run has ended; the keeper reports that after the last output. */
		session->at = session->end = 0;
		session->size_due = false;
	}
	return r;
}

static int refuse_rest(const struct session *session, struct err *err)
{
	return err_set(err, ETIMEDOUT,
		       "machine '%s' does not read its console: the last %zu typed bytes were lost",
		       session->machine->name, session->end - session->at);
}

static int carry(struct session *session, struct err *err)
{
	struct pollfd fds[WAIT_COUNT];

	while (!is_through(session)) {
		int ready = wait_any(session, fds);
		if (ready == 0 && waits_typed(session))
			return refuse_rest(session, err);
		if (ready < 0)
			continue;
		int r = move(session, fds, err);
		if (r < 0)
			return r;
		if (fds[WAIT_INPUT].revents && !read_typed(session))
			return 0;
		if (fds[WAIT_SIGNALS].revents && !take_signal(session))
			return 0;
	}
	int error = session->outlet.error;
	return error && error != EPIPE ? err_set(err, error, "standard output: %s", strerror(error))
				       : 0;
}

static int open_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * A client that was stopped for long may miss the message of the end; the end of a killed keeper shows in what it
 * leaves.
 */
static bool ended_unheard(struct machine *machine, int r)
{
	return r == -ECONNRESET && (!run_needs_cleanup(machine) || run_alive(machine));
}

int machine_console(struct machine *machine, bool force, bool read_only, char detach,
		    struct err *err)
{
	static struct session session;
	uint32_t role = read_only ? CONSOLE_READER : force ? CONSOLE_TAKEOVER : CONSOLE_WRITER;
	struct termios saved;
	sigset_t old;
	scoped_fd int socket = control_connect(machine, err);

	if (socket < 0)
		return socket;
	int r = protocol_send(socket, ASK_CONSOLE, role, NULL, 0, -1);
	if (r < 0)
		return err_set(err, -r, "machine '%s': its keeper does not answer", machine->name);
	fcntl(socket, F_SETFL, O_RDWR | O_NONBLOCK);
	scoped_fd int signals = open_signals(&old);
	session.machine = machine;
	session.socket = socket;
	session.signals = signals;
	session.input = read_only && !isatty(STDIN_FILENO) ? -1 : STDIN_FILENO;
	session.read_only = read_only;
	session.detach = detach;
	outlet_open(&session.outlet, STDOUT_FILENO);
	signal(SIGPIPE, SIG_IGN);
	bool raw = pty_raw(STDIN_FILENO, &saved) == 0;
	send_size(&session);
	r = carry(&session, err);
	outlet_close(&session.outlet);
	if (raw)
		pty_restore(STDIN_FILENO, &saved);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (!ended_unheard(machine, r))
		return r;
	*err = (struct err){ 0 };
	return 1;
}
