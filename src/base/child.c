/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/child.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { OUT_MAX = 1 << 20, ERRORS_MAX = 64 << 10, LONGEST_SECONDS = 3600, DEATH_MS = 2000 };

char *child_find(const char *program)
{
	const char *path = getenv("PATH");
	scoped_free char *folders =
		text_format("%s:/usr/local/sbin:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
	char *rest = folders;

	for (char *folder; (folder = strsep(&rest, ":"));) {
		char *file = *folder ? text_format("%s/%s", folder, program) : NULL;
		if (file && access(file, X_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

int child_detach(int lock)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0) {
		child_wait(pid);
		return 1;
	}
	if (lock >= 0)
		close(lock);
	if (fork() != 0)
		_exit(0);
	return 0;
}

int child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status;
}

int child_wait_within(pid_t pid, unsigned seconds)
{
	scoped_fd int gone = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = gone, .events = POLLIN };
	int64_t deadline = clock_ms() + (int64_t)seconds * 1000;

	if (gone < 0)
		return -errno;
	for (;;) {
		int64_t left = deadline - clock_ms();
		int n = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
		if (n > 0)
			return child_wait(pid);
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int child_parent(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return fd < 0 ? -errno : fd;
}

int child_tie(int parent, int signal)
{
	struct pollfd gone = { .fd = parent, .events = POLLIN };
	int r;

	if (prctl(PR_SET_PDEATHSIG, signal) < 0)
		return -errno;
	/* The signal is not sent for an end before that call, and getppid(2) is 0 in a pid namespace of one's own. */
	do
		r = poll(&gone, 1, 0);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		_exit(128 + signal);
	return r < 0 ? -errno : 0;
}

void child_status_text(int status, char *out, size_t room)
{
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));
		snprintf(out, room, "was killed by SIG%s", name ? name : "?");
	} else {
		snprintf(out, room, "exited with %d", WEXITSTATUS(status));
	}
}

/* Runs in the forked child, and never returns, so that none of the parent's scoped variables run here. */
static __attribute__((noreturn)) void exec_program(const char *const *argv,
						   const struct child_io *io, int null, int out,
						   int errors, int report)
{
	int in = io->in_fd > 0 ? io->in_fd : null;
	sigset_t none;

	if (out < 0 && io->out_fd > 0)
		out = io->out_fd;
	/* A failure with the cgroup is no reason to do without the program. */
	if (io->cgroup_fd > 0)
		(void)file_write(io->cgroup_fd, "cgroup.procs", "0");

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) >= 0 && (out < 0 || dup2(out, 1) >= 0) &&
	    (errors < 0 || dup2(errors, 2) >= 0))
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	int code = errno;
	if (write(report, &code, sizeof code) < 0)
		_exit(126);
	_exit(127);
}

/* One read from fd into text; false at the end. */
static bool collect(int fd, struct text *text, size_t max)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof chunk);

	if (n < 0)
		return errno == EINTR;
	if (n > 0 && text->length < max)
		text_add_bytes(text, chunk, (size_t)n);
	return n > 0;
}

/* Waits until both ends are closed, and gone shows the end of the program; false: the time was over before. */
static bool collect_both(int *out, struct text *out_text, int *errors, struct text *errors_text,
			 int gone, int64_t deadline)
{
	bool ended = gone < 0;

	while (*out >= 0 || *errors >= 0 || !ended) {
		struct pollfd fds[] = {
			{ .fd = *out, .events = POLLIN },
			{ .fd = *errors, .events = POLLIN },
			{ .fd = ended ? -1 : gone, .events = POLLIN },
		};
		int64_t left = deadline - clock_ms();
		if (left <= 0)
			return false;
		if (poll(fds, 3, left < INT32_MAX ? (int)left : INT32_MAX) <= 0)
			continue;
		if (fds[0].revents && !collect(*out, out_text, OUT_MAX))
			scoped_close_fd(out);
		if (fds[1].revents && !collect(*errors, errors_text, ERRORS_MAX))
			scoped_close_fd(errors);
		ended = ended || fds[2].revents;
	}
	return true;
}

/* The wait status, or -errno; -ETIMEDOUT: the process took too long and was killed. */
static int wait_for_end(pid_t pid, int *out, int *errors, const struct child_io *io)
{
	scoped_fd int gone = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd killed = { .fd = gone, .events = POLLIN };
	int64_t deadline =
		clock_ms() + (int64_t)(io->seconds ? io->seconds : LONGEST_SECONDS) * 1000;

	if (collect_both(out, io->out, errors, io->errors, gone, deadline))
		return child_wait(pid);
	kill(pid, SIGKILL);
	/* A process that waits for a broken disk does not die, and is left alone. */
	if (poll(&killed, 1, DEATH_MS) > 0)
		child_wait(pid);
	return -ETIMEDOUT;
}

static const char *last_line(struct text *errors)
{
	if (!errors || !errors->data)
		return "";
	char *end = errors->data + strlen(errors->data);
	while (end > errors->data && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	char *line = strrchr(errors->data, '\n');
	return line ? line + 1 : errors->data;
}

static int tell_status(const char *program, int status, struct text *errors, struct err *err)
{
	char how[64];
	const char *said = last_line(errors);

	if (status == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "'%s' took too long and was killed", program);
	if (status < 0)
		return err_set(err, -status, "wait for '%s': %s", program, strerror(-status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	child_status_text(status, how, sizeof how);
	return err_set(err, EIO, "'%s' %s%s%.300s", program, how, *said ? ": " : "", said);
}

int child_run(const char *const *argv, const struct child_io *io, struct err *err)
{
	scoped_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int report[2] = { -1, -1 }, out[2] = { -1, -1 }, errors[2] = { -1, -1 };

	if (null < 0 || pipe2(report, O_CLOEXEC) < 0)
		return err_set(err, errno, "run '%s': %s", argv[0], strerror(errno));
	scoped_fd int report_read = report[0];
	scoped_fd int report_write = report[1];
	if ((io->out && pipe2(out, O_CLOEXEC) < 0) ||
	    (io->errors && pipe2(errors, O_CLOEXEC) < 0)) {
		int code = errno;
		if (out[0] >= 0) {
			close(out[0]);
			close(out[1]);
		}
		return err_set(err, code, "run '%s': %s", argv[0], strerror(code));
	}
	scoped_fd int out_read = out[0];
	scoped_fd int out_write = out[1];
	scoped_fd int errors_read = errors[0];
	scoped_fd int errors_write = errors[1];

	pid_t pid = fork();
	if (pid < 0)
		return err_set(err, errno, "run '%s': %s", argv[0], strerror(errno));
	if (pid == 0)
		exec_program(argv, io, null, out_write, errors_write, report_write);

	scoped_close_fd(&report_write);
	scoped_close_fd(&out_write);
	scoped_close_fd(&errors_write);
	int status = wait_for_end(pid, &out_read, &errors_read, io);
	int code = 0;
	ssize_t n = status == -ETIMEDOUT ? 0 : read(report_read, &code, sizeof code);
	if (n == sizeof code)
		return err_set(err, code, "run '%s': %s", argv[0],
			       code == ENOENT ? "not installed" : strerror(code));
	if (io->code && status >= 0 && WIFEXITED(status)) {
		*io->code = WEXITSTATUS(status);
		return 0;
	}
	return tell_status(argv[0], status, io->errors, err);
}
