/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/attach/relay.h"
#include "machine/attach/outlet.h"
#include "machine/attach/parent.h"

#include "base/scoped.h"
#include "kern/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>

/* Number of times that a terminal's end of file is typed: a second reader meets it too. */
enum { TYPE_END_MILLISECONDS = 500, REST_MILLISECONDS = 5000 };

/* Signals that are not passed on: faults, those of job control, and those that do nothing by default. */
static const int kept[] = { SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT,
			    SIGCHLD, SIGPIPE, SIGURG,  SIGSEGV, SIGBUS,  SIGFPE,
			    SIGILL,  SIGTRAP, SIGABRT, SIGSYS,  SIGXCPU, SIGXFSZ };

void relay_init(struct relay *relay, bool input)
{
	*relay = (struct relay){
		.outer = { -1, -1, -1 },
		.input = input ? STDIN_FILENO : -1,
		.signals = -1,
	};
	outlet_open(&relay->outlets[0], STDOUT_FILENO);
	outlet_open(&relay->outlets[1], STDERR_FILENO);
}

/* A command that does not read must not block its own output. */
static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int relay_make_pipes(struct relay *relay, int inner[3], struct err *err)
{
	for (int i = 0; i < 3; i++) {
		int fd[2];
		if (pipe2(fd, O_CLOEXEC) < 0)
			return err_set(err, errno, "pipe: %s", strerror(errno));
		relay->outer[i] = fd[i == 0];
		inner[i] = fd[i != 0];
	}
	set_nonblocking(relay->outer[0]);
	return 0;
}

void relay_set_terminal(struct relay *relay, int master)
{
	relay->terminal = true;
	relay->outer[0] = master;
	set_nonblocking(master);
	pty_copy_size(STDIN_FILENO, master);
}

void relay_close(struct relay *relay)
{
	if (relay->raw)
		pty_restore(STDIN_FILENO, &relay->saved);
	if (relay->signals >= 0)
		sigprocmask(SIG_SETMASK, &relay->mask, NULL);
	scoped_close_fd(&relay->signals);
	for (int i = 0; i < 3; i++)
		scoped_close_fd(&relay->outer[i]);
	for (int i = 0; i < 2; i++)
		scoped_close_fd(&relay->outlets[i].other);
}

/* Ignored signals, as with nohup(1) and background jobs of a shell, are not passed on either. */
static void leave_ignored(sigset_t *set)
{
	static const int usual[] = { SIGHUP, SIGINT, SIGQUIT };
	struct sigaction now;

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		if (sigaction(usual[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			sigdelset(set, usual[i]);
	}
}

void relay_hold_signals(struct relay *relay)
{
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		sigdelset(&set, kept[i]);
	leave_ignored(&set);
	sigprocmask(SIG_BLOCK, &set, &relay->mask);
	relay->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	/* The write itself returns an error for both signals. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static bool asks_for_end(int number)
{
	return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

/* A signal after the end of the command is for this process. */
static void take_signal(struct relay *relay, const struct parent *parent, bool ended)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGWINCH) {
		if (relay->terminal && relay->outer[0] >= 0)
			pty_copy_size(STDIN_FILENO, relay->outer[0]);
	} else if (ended) {
		relay->interrupted = (int)info.ssi_signo;
	} else {
		if (asks_for_end((int)info.ssi_signo))
			relay->asked = (int)info.ssi_signo;
		parent_signal(parent, (int)info.ssi_signo);
	}
}

/* Reads standard input into the buffer, which is empty. */
static void read_typed(struct relay *relay)
{
	ssize_t n = read(relay->input, relay->typed, sizeof relay->typed);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	relay->typed_at = 0;
	relay->typed_end = n > 0 ? (size_t)n : 0;
	if (n <= 0)
		relay->input = -1;
}

/* The command no longer reads its input, so no more is read. */
static void drop_input(struct relay *relay)
{
	relay->input = -1;
	relay->typed_at = relay->typed_end;
	if (!relay->terminal)
		scoped_close_fd(&relay->outer[0]);
}

static void write_typed(struct relay *relay)
{
	ssize_t n = write(relay->outer[0], relay->typed + relay->typed_at,
			  relay->typed_end - relay->typed_at);

	if (n > 0) {
		relay->typed_at += (size_t)n;
		relay->last = relay->typed[relay->typed_at - 1];
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		drop_input(relay);
	}
}

static bool waits_typed(const struct relay *relay)
{
	return relay->typed_at < relay->typed_end;
}

/*
 * End of file for a terminal, which is a typed character, not a closing. After a line without a newline the first one
 * only ends that line.
 */
static void type_end(struct relay *relay)
{
	struct termios settings;
	char ends[2];

	if (tcgetattr(relay->outer[0], &settings) < 0 || !settings.c_cc[VEOF])
		return;
	memset(ends, settings.c_cc[VEOF], sizeof ends);
	bool middle = relay->last && relay->last != '\n' && relay->last != '\r';
	if (write(relay->outer[0], ends, middle ? 2 : 1) > 0)
		relay->last = '\n';
}

static bool typed_all(const struct relay *relay)
{
	return relay->input < 0 && !waits_typed(relay) && relay->outer[0] >= 0;
}

/* Closing the pipe is its end of file. */
static void end_input(struct relay *relay)
{
	if (relay->terminal)
		type_end(relay);
	else
		scoped_close_fd(&relay->outer[0]);
	relay->told_end = true;
}

/* The source of outlet i. */
static int *source_of(struct relay *relay, int i)
{
	return relay->terminal ? &relay->outer[i == 0 ? 0 : 1] : &relay->outer[1 + i];
}

/*
 * Closes the source if nobody takes its output: the command gets SIGPIPE, or SIGHUP for a terminal. Its output until
 * then is lost.
 */
static void close_source(struct relay *relay, int i)
{
	int *from = source_of(relay, i);

	if (from == &relay->outer[0])
		drop_input(relay);
	scoped_close_fd(from);
}

/* Carries one portion; false at the end. */
static bool carry_output(struct relay *relay, int i)
{
	struct outlet *outlet = &relay->outlets[i];
	size_t room;
	char *data = outlet_room(outlet, &room);
	ssize_t n = read(*source_of(relay, i), data, room);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n > 0)
		outlet_add(outlet, (size_t)n);
	if (n <= 0 || outlet->error)
		close_source(relay, i);
	return n > 0 && !outlet->error;
}

enum { WAIT_INPUT, WAIT_TAKEN, WAIT_OUTPUT, WAIT_ERRORS, WAIT_END, WAIT_SIGNALS, WAIT_COUNT };

static void set_waits(struct relay *relay, struct pollfd fds[WAIT_COUNT])
{
	bool typed = waits_typed(relay);

	fds[WAIT_INPUT] = (struct pollfd){ typed ? -1 : relay->input, POLLIN, 0 };
	fds[WAIT_TAKEN] = (struct pollfd){ typed ? relay->outer[0] : -1, POLLOUT, 0 };
	for (int i = 0; i < 2; i++) {
		struct outlet *outlet = &relay->outlets[i];
		bool waits = outlet_waits(outlet);
		fds[WAIT_OUTPUT + i] = (struct pollfd){ waits ? outlet->fd : *source_of(relay, i),
							waits ? POLLOUT : POLLIN, 0 };
	}
}

/* Whether anything was carried. */
static bool move_output(struct relay *relay, const struct pollfd fds[WAIT_COUNT])
{
	bool moved = false;

	for (int i = 0; i < 2; i++) {
		if (!fds[WAIT_OUTPUT + i].revents)
			continue;
		if (!outlet_waits(&relay->outlets[i])) {
			moved = carry_output(relay, i) || moved;
			continue;
		}
		moved = true;
		outlet_write(&relay->outlets[i]);
		if (relay->outlets[i].error)
			close_source(relay, i);
	}
	return moved;
}

static void move_input(struct relay *relay, const struct pollfd fds[WAIT_COUNT])
{
	if (fds[WAIT_INPUT].revents)
		read_typed(relay);
	if (waits_typed(relay) && relay->outer[0] >= 0)
		write_typed(relay);
}

/*
 * Milliseconds to wait for a reader of the rest. The sender of a signal wants an end, and does not know that a second
 * one is needed, because the command has ended since.
 */
static int patience(const struct relay *relay, bool waits)
{
	return !waits ? 0 : relay->asked ? REST_MILLISECONDS : -1;
}

/* Drains the pipes after the command's end, and stops then: its children may go on writing. */
static void drain(struct relay *relay, const struct parent *parent)
{
	struct pollfd fds[WAIT_COUNT];
	bool moved = true;

	while (moved && !relay->interrupted) {
		bool waits = outlet_waits(&relay->outlets[0]) || outlet_waits(&relay->outlets[1]);
		set_waits(relay, fds);
		fds[WAIT_INPUT].fd = fds[WAIT_TAKEN].fd = fds[WAIT_END].fd = -1;
		fds[WAIT_SIGNALS] = (struct pollfd){ relay->signals, POLLIN, 0 };
		int ready = poll(fds, WAIT_COUNT, patience(relay, waits));
		if (ready < 0)
			continue;
		if (ready == 0 && waits)
			relay->interrupted = relay->asked;
		moved = move_output(relay, fds) || waits;
		if (fds[WAIT_SIGNALS].revents)
			take_signal(relay, parent, true);
	}
}

void relay_run(struct relay *relay, const struct parent *parent)
{
	struct pollfd fds[WAIT_COUNT] = { 0 };

	/* A client that does not type leaves the terminal's input to others. */
	relay->raw =
		relay->terminal && relay->input >= 0 && pty_raw(STDIN_FILENO, &relay->saved) == 0;
	while (!fds[WAIT_END].revents) {
		if (typed_all(relay) && !relay->told_end)
			end_input(relay);
		set_waits(relay, fds);
		fds[WAIT_END] = (struct pollfd){ parent->pidfd, POLLIN, 0 };
		fds[WAIT_SIGNALS] = (struct pollfd){ relay->signals, POLLIN, 0 };
		int ready = poll(fds, WAIT_COUNT, typed_all(relay) ? TYPE_END_MILLISECONDS : -1);
		if (ready == 0)
			end_input(relay);
		if (ready <= 0)
			continue;
		move_output(relay, fds);
		move_input(relay, fds);
		if (fds[WAIT_SIGNALS].revents)
			take_signal(relay, parent, fds[WAIT_END].revents != 0);
	}
	drain(relay, parent);
	for (int i = 0; i < 2; i++)
		outlet_close(&relay->outlets[i]);
}

int relay_code(const struct relay *relay, int code, struct err *err)
{
	static const char *const names[] = { "standard output", "standard error" };
	bool cut = false;

	for (int i = 0; i < 2; i++) {
		int error = relay->outlets[i].error;
		if (error && error != EPIPE)
			return err_set(err, error, "%s: %s; what the command wrote is not complete",
				       names[i], strerror(error));
		cut = cut || error;
	}
	if (relay->interrupted)
		return 128 + relay->interrupted;
	/* The closed terminal has sent SIGHUP to the command. */
	bool told = code == 0 || (relay->terminal && code == 128 + SIGHUP);
	return cut && told ? 128 + SIGPIPE : code;
}
