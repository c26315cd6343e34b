/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs berth-fetch and takes its report: the host's side of fetching. */
#include "base/child.h"
#include "base/install.h"
#include "base/scoped.h"
#include "image/fetch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

enum { TICK_MS = 1000 };

/* In the forked child: the descriptors that berth-fetch expects, and nothing else of ours. */
static __attribute__((noreturn)) void exec_fetch(const char *program, const struct fetch *fetch,
						 int report_fd)
{
	char base[16], count[16];
	/* Aside first: one of them may have a number that is wanted. */
	int report = fcntl(report_fd, F_DUPFD_CLOEXEC, 10);
	int output = fcntl(fetch->output_fd, F_DUPFD_CLOEXEC, 10);
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(base, sizeof base, "%" PRIu32, fetch->map->base);
	snprintf(count, sizeof count, "%" PRIu32, fetch->map->count);
	if (null_fd >= 0 && dup2(null_fd, 0) >= 0 && dup2(null_fd, 1) >= 0 &&
	    dup2(null_fd, 2) >= 0 && dup2(report, FETCH_REPORT) >= 0 &&
	    dup2(output, FETCH_OUTPUT) >= 0)
		execl(program, "berth-fetch", base, count, fetch->mode, fetch->url, fetch->detail,
		      (char *)NULL);
	struct fetch_report failure = { 0 };
	if (errno == ENOENT)
		err_set(&failure.err, ENOENT,
			"'%s' is not there: this berth was built without libcurl, and cannot fetch",
			program);
	else
		err_set(&failure.err, errno, "run '%s': %s", program, strerror(errno));
	if (write(report, &failure, sizeof failure) < 0)
		_exit(126);
	_exit(127);
}

static void make_printable(char *p)
{
	for (; *p; p++)
		*p = *p < ' ' || *p > '~' ? '?' : *p;
}

/* A report is only bytes until it was looked at. */
static int check_report(struct fetch_report *report, struct err *err)
{
	report->why[sizeof report->why - 1] = '\0';
	report->err.text[sizeof report->err.text - 1] = '\0';
	make_printable(report->why);
	make_printable(report->err.text);
	if (report->err.code == 0)
		return 0;
	return err_set(err, report->err.code, "%s", report->err.text);
}

static ssize_t read_report(const struct fetch *fetch, int fd, struct fetch_report *report)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		int r = poll(&poller, 1, TICK_MS);
		if (r > 0)
			break;
		if (r < 0 && errno != EINTR)
			return -1;
		if (fetch->tick)
			fetch->tick(fetch->context);
	}
	do
		n = read(fd, report, sizeof *report);
	while (n < 0 && errno == EINTR);
	return n;
}

int fetch_run(const struct fetch *fetch, struct fetch_report *report, struct err *err)
{
	char program[PATH_MAX], how[64];
	int ends[2];

	*report = (struct fetch_report){ 0 };
	if (install_program("berth-fetch", program, sizeof program) < 0)
		return err_set(err, ENAMETOOLONG, "the path of berth-fetch is too long");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int reading = ends[0];
	scoped_fd int writing = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_set(err, errno, "run '%s': %s", program, strerror(errno));
	if (pid == 0)
		exec_fetch(program, fetch, writing);
	scoped_close_fd(&writing);
	ssize_t n = read_report(fetch, reading, report);
	/* It ends after its namespaces have, with all that is in them. */
	int status = child_wait(pid);
	if (n == sizeof *report)
		return check_report(report, err);
	child_status_text(status, how, sizeof how);
	return err_set(err, EIO, "'%s' %s and said nothing", program, how);
}
