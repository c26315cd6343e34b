#include "machine/relay.h"

#include "base/scoped.h"
#include "kern/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

void relay_init(struct relay *relay)
{
	*relay = (struct relay){ .outer = { -1, -1, -1 } };
}

/* A command that does not read must not keep us from passing on what it writes. */
static void unblock(int fd)
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
	unblock(relay->outer[0]);
	return 0;
}

void relay_set_terminal(struct relay *relay, int master)
{
	relay->terminal = true;
	relay->outer[0] = master;
	unblock(master);
	pty_copy_size(STDIN_FILENO, master);
	relay->raw = pty_raw(STDIN_FILENO, &relay->saved) == 0;
}

void relay_close(struct relay *relay)
{
	if (relay->raw)
		pty_restore(STDIN_FILENO, &relay->saved);
	for (int i = 0; i < 3; i++)
		scoped_close_fd(&relay->outer[i]);
	relay_init(relay);
}

static bool write_all(int fd, const char *data, ssize_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, (size_t)n);
		if (done < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };
			poll(&room, 1, -1);
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		data += done;
		n -= done;
	}
	return true;
}

/* One portion; false at the end of either side. */
static bool carry(int from, int to)
{
	char chunk[RELAY_CHUNK];
	ssize_t n = read(from, chunk, sizeof chunk);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return n > 0 && write_all(to, chunk, n);
}

/* What is still in a pipe after the command's end, and no more. */
static void drain(int from, int to)
{
	struct pollfd ready = { .fd = from, .events = POLLIN };

	while (from >= 0 && poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) && carry(from, to))
		;
}

static int open_signals(sigset_t *old)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void forward_signal(struct relay *relay, int signals, int pidfd)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo != SIGWINCH)
		syscall(SYS_pidfd_send_signal, pidfd, (int)info.ssi_signo, NULL, 0);
	else if (relay->terminal)
		pty_copy_size(STDIN_FILENO, relay->outer[0]);
}

/* From standard input into the buffer; at its end the command's is closed once the buffer is empty. */
static bool read_typed(struct relay *relay)
{
	ssize_t n = read(STDIN_FILENO, relay->typed, sizeof relay->typed);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	relay->typed_at = 0;
	relay->typed_end = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool write_typed(struct relay *relay)
{
	size_t left = relay->typed_end - relay->typed_at;
	ssize_t n = left ? write(relay->outer[0], relay->typed + relay->typed_at, left) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	relay->typed_at += n > 0 ? (size_t)n : 0;
	return true;
}

enum { WAIT_INPUT, WAIT_ROOM, WAIT_OUTPUT, WAIT_ERRORS, WAIT_END, WAIT_SIGNALS, WAIT_COUNT };

/* Reads when the buffer is empty, writes when it is not; input is -1 once there is no more. */
static void carry_input(struct relay *relay, struct pollfd fds[WAIT_COUNT], int *input)
{
	if (fds[WAIT_INPUT].revents && !read_typed(relay)) {
		*input = -1;
		/* A pipe's end of file is its closing; a terminal's is a character, typed or not. */
		if (!relay->terminal)
			scoped_close_fd(&relay->outer[0]);
	}
	if (relay->outer[0] >= 0 && relay->typed_at < relay->typed_end && !write_typed(relay)) {
		*input = -1;
		relay->typed_at = relay->typed_end;
	}
	bool waiting = relay->typed_at < relay->typed_end;
	fds[WAIT_INPUT].fd = waiting ? -1 : *input;
	fds[WAIT_ROOM].fd = waiting ? relay->outer[0] : -1;
}

/* When nobody takes our output any more, closing the pipe tells the command so, by SIGPIPE. */
static void carry_output(struct relay *relay, struct pollfd *from, int to)
{
	if (!from->revents || carry(from->fd, to))
		return;
	for (int i = 1; i < 3; i++) {
		if (relay->outer[i] == from->fd)
			scoped_close_fd(&relay->outer[i]);
	}
	from->fd = -1;
}

void relay_run(struct relay *relay, int pidfd)
{
	sigset_t old;
	scoped_fd int signals = open_signals(&old);
	int input = STDIN_FILENO;
	struct pollfd fds[WAIT_COUNT] = {
		[WAIT_INPUT] = { input, POLLIN, 0 },
		[WAIT_ROOM] = { -1, POLLOUT, 0 },
		[WAIT_OUTPUT] = { relay->terminal ? relay->outer[0] : relay->outer[1], POLLIN, 0 },
		[WAIT_ERRORS] = { relay->terminal ? -1 : relay->outer[2], POLLIN, 0 },
		[WAIT_END] = { pidfd, POLLIN, 0 },
		[WAIT_SIGNALS] = { signals, POLLIN, 0 },
	};

	signal(SIGPIPE, SIG_IGN);
	while (!fds[WAIT_END].revents) {
		if (poll(fds, WAIT_COUNT, -1) < 0)
			continue;
		carry_output(relay, &fds[WAIT_OUTPUT], STDOUT_FILENO);
		carry_output(relay, &fds[WAIT_ERRORS], STDERR_FILENO);
		carry_input(relay, fds, &input);
		if (fds[WAIT_SIGNALS].revents)
			forward_signal(relay, signals, pidfd);
	}
	drain(fds[WAIT_OUTPUT].fd, STDOUT_FILENO);
	drain(fds[WAIT_ERRORS].fd, STDERR_FILENO);
	sigprocmask(SIG_SETMASK, &old, NULL);
}
