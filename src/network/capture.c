/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/capture.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/install.h"
#include "base/scoped.h"
#include "network/capture_report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define PROGRAM "berth-capture"

/* Milliseconds that the program may take to open a link, and names in a filter to be found. */
enum { BEGIN_MS = 60000 };

static __attribute__((noreturn)) void execute(const struct capture_spec *spec, const char *path,
					      int control)
{
	char snaplen[16], count[24], until[24];
	/* Duplicated first: they may have numbers that are needed. */
	int socket = fcntl(control, F_DUPFD_CLOEXEC, 10);
	int out = fcntl(spec->out, F_DUPFD_CLOEXEC, 10);
	int space = spec->space < 0 ? -1 : fcntl(spec->space, F_DUPFD_CLOEXEC, 10);

	snprintf(snaplen, sizeof snaplen, "%u", spec->snaplen);
	snprintf(count, sizeof count, "%" PRIu64, spec->count);
	snprintf(until, sizeof until, "%" PRId64, spec->until);
	close(CAPTURE_SPACE);
	if (socket >= 0 && out >= 0 && dup2(socket, CAPTURE_CONTROL) >= 0 &&
	    dup2(out, CAPTURE_OUTPUT) >= 0 && (space < 0 || dup2(space, CAPTURE_SPACE) >= 0))
		execl(path, PROGRAM, spec->link, snaplen, count, until, spec->goes_on ? "0" : "1",
		      spec->filter, (char *)NULL);
	_exit(127);
}

static int find_program(char path[PATH_MAX], struct err *err)
{
	int r = install_program(PROGRAM, path, PATH_MAX);

	if (r < 0)
		return err_set(err, -r, "find %s: %s", PROGRAM, strerror(-r));
	return access(path, X_OK) == 0
		       ? 0
		       : err_set(err, ENOENT,
				 "there is no '%s', which captures packets; this berth was built "
				 "without libpcap, or is not installed: install libpcap's headers, "
				 "build it again, and run 'make install'",
				 path);
}

static int receive(struct capture *capture, int milliseconds, struct capture_report *report,
		   struct err *err)
{
	struct pollfd said = { .fd = capture->fd, .events = POLLIN };
	int64_t until = clock_ms() + milliseconds;
	int r;

	do {
		int64_t left = milliseconds < 0 ? -1 : until - clock_ms();
		r = poll(&said, 1, milliseconds >= 0 && left < 0 ? 0 : (int)left);
	} while (r < 0 && errno == EINTR);
	if (r <= 0)
		return err_set(err, r < 0 ? errno : ETIMEDOUT, "%s does not answer", PROGRAM);
	if (recv(capture->fd, report, sizeof *report, 0) != sizeof *report)
		return err_set(err, EIO, "%s has ended without an answer", PROGRAM);
	report->why[sizeof report->why - 1] = '\0';
	if (report->kind != CAPTURE_FAILED)
		return 0;
	return err_set(err, report->code > 0 ? report->code : EIO, "%s", report->why);
}

int capture_begin(struct capture *capture, const struct capture_spec *spec, struct err *err)
{
	struct capture_report report = { 0 };
	char path[PATH_MAX];
	int ends[2];

	if (find_program(path, err) < 0)
		return -err->code;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, errno, "start %s: %s", PROGRAM, strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		execute(spec, path, ends[1]);
	close(ends[1]);
	*capture = (struct capture){ .pid = pid, .fd = ends[0] };
	if (pid < 0)
		return err_set(err, errno, "fork: %s", strerror(errno));
	return receive(capture, BEGIN_MS, &report, err);
}

void capture_stop(struct capture *capture)
{
	shutdown(capture->fd, SHUT_WR);
}

int capture_wait(struct capture *capture, int milliseconds, struct capture_result *result,
		 struct err *err)
{
	struct capture_report report = { 0 };
	int r = receive(capture, milliseconds, &report, err);

	if (r < 0)
		return r;
	*result = (struct capture_result){ .end = (enum capture_end)report.how,
					   .captured = report.captured,
					   .dropped = report.dropped,
					   .failure = report.code };
	return 0;
}

void capture_close(struct capture *capture)
{
	if (capture->pid > 0) {
		kill(capture->pid, SIGKILL);
		child_wait(capture->pid);
	}
	scoped_close_fd(&capture->fd);
	*capture = (struct capture){ .fd = -1 };
}
