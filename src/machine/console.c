/* Our terminal and a machine's console, with its keeper between. */
#include "machine/control.h"

#include "base/scoped.h"
#include "kern/pty.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

static void send_size(int socket)
{
	struct winsize size;

	pty_read_size(STDIN_FILENO, &size);
	if (size.ws_row && size.ws_col)
		protocol_send(socket, SEND_SIZE, (uint32_t)size.ws_row << 16 | size.ws_col, NULL, 0,
			      -1);
}

/* Typed bytes up to the detach key; false when we are to leave. */
static bool send_typed(int socket, char detach, bool read_only)
{
	char chunk[1024];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	char *key = memchr(chunk, detach, (size_t)n);
	size_t typed = key ? (size_t)(key - chunk) : (size_t)n;
	if (typed > 0 && !read_only && protocol_send(socket, SEND_INPUT, 0, chunk, typed, -1) < 0)
		return false;
	return !key;
}

static void show(const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDOUT_FILENO, data, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return;
		data += done;
		n -= (size_t)done;
	}
}

/* 1: go on, 0: the guest ended, negative: failed. */
static int take_message(struct machine *machine, int socket, struct err *err)
{
	struct protocol_message message;
	int r = control_wait(machine, socket, &message, -1, err);

	if (r < 0)
		return r;
	if (message.type == SAY_OUTPUT)
		show(message.data, message.length);
	return message.type != SAY_ENDED;
}

static int carry(struct machine *machine, int socket, int signals, bool read_only, char detach,
		 struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = socket, .events = POLLIN },
		/* Who only looks need not type: a file or a pipe as input is then nobody's business. */
		{ .fd = read_only && !isatty(STDIN_FILENO) ? -1 : STDIN_FILENO, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int r = 1;

	while (r > 0) {
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents)
			r = take_message(machine, socket, err);
		if (r > 0 && fds[1].revents && !send_typed(socket, detach, read_only))
			return 0;
		if (fds[2].revents && read(signals, &info, sizeof info) == sizeof info) {
			if (info.ssi_signo != SIGWINCH)
				return 0;
			send_size(socket);
		}
	}
	return r;
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

int machine_console(struct machine *machine, bool force, bool read_only, char detach,
		    struct err *err)
{
	uint32_t role = read_only ? CONSOLE_READER : force ? CONSOLE_TAKEOVER : CONSOLE_WRITER;
	struct termios saved;
	sigset_t old;
	scoped_fd int socket = control_connect(machine, err);

	if (socket < 0)
		return socket;
	int r = protocol_send(socket, ASK_CONSOLE, role, NULL, 0, -1);
	if (r < 0)
		return err_set(err, -r, "machine '%s': its keeper does not answer", machine->name);
	scoped_fd int signals = open_signals(&old);
	bool raw = pty_raw(STDIN_FILENO, &saved) == 0;
	if (!read_only)
		send_size(socket);
	r = carry(machine, socket, signals, read_only, detach, err);
	if (raw)
		pty_restore(STDIN_FILENO, &saved);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}
