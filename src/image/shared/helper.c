/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/helper.h"

#include "base/child.h"
#include "base/install.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 1000 };

void helper_text(char *text, size_t room)
{
	text[room - 1] = '\0';
	for (; *text; text++)
		*text = *text < ' ' || *text > '~' ? '?' : *text;
}

/* The forked child; a program that cannot be executed is told by a report as well. */
static __attribute__((noreturn)) void execute(const struct helper *helper, const char *path,
					      int parent, int report_fd, size_t size)
{
	if (child_tie(parent, SIGKILL) < 0)
		_exit(126);
	/* Duplicated first: its number may be one that the program needs. */
	int fd = fcntl(report_fd, F_DUPFD_CLOEXEC, 10);
	struct err *failure = calloc(1, size);

	helper->execute(path, fd, helper->context);
	if (!failure)
		_exit(126);
	if (errno == ENOENT && helper->absent)
		err_set(failure, ENOENT, "'%s' is not there: %s", path, helper->absent);
	else
		err_set(failure, errno, "run '%s': %s", path, strerror(errno));
	_exit(write(fd, failure, size) < 0 ? 126 : 127);
}

static ssize_t read_report(const struct helper *helper, int fd, void *report, size_t size)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		int r = poll(&poller, 1, helper->tick ? TICK_MS : -1);
		if (r > 0)
			break;
		if (r < 0 && errno != EINTR)
			return -1;
		if (helper->tick)
			helper->tick(helper->tick_context);
	}
	do
		n = read(fd, report, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static int check_report(struct err *report, struct err *err)
{
	helper_text(report->text, sizeof report->text);
	return report->code == 0 ? 0 : err_set(err, report->code, "%s", report->text);
}

int helper_begin(struct helper_running *running, const struct helper *helper, size_t size,
		 struct err *err)
{
	int ends[2];

	*running = (struct helper_running){ .report_fd = -1 };
	if (install_program(helper->program, running->path, sizeof running->path) < 0)
		return err_set(err, ENAMETOOLONG, "the path of %s is too long", helper->program);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int reading = ends[0];
	scoped_fd int writing = ends[1];
	scoped_fd int ourselves = child_parent();
	running->pid = ourselves < 0 ? -1 : fork();
	if (running->pid < 0)
		return err_set(err, errno, "run '%s': %s", running->path, strerror(errno));
	if (running->pid == 0)
		execute(helper, running->path, ourselves, writing, size);
	running->report_fd = take_fd(&reading);
	return 0;
}

int helper_end(struct helper_running *running, const struct helper *helper, void *report,
	       size_t size, struct err *err)
{
	scoped_fd int reading = take_fd(&running->report_fd);
	char how[64];

	memset(report, 0, size);
	ssize_t n = read_report(helper, reading, report, size);
	/* The child ends after its namespaces have ended, with all processes in them. */
	int status = child_wait(running->pid);
	if (n == (ssize_t)size)
		return check_report(report, err);
	child_status_text(status, how, sizeof how);
	return err_set(err, EIO, "'%s' %s and said nothing", running->path, how);
}

int helper_run(const struct helper *helper, void *report, size_t size, struct err *err)
{
	struct helper_running running;

	memset(report, 0, size);
	return helper_begin(&running, helper, size, err) < 0
		       ? -err->code
		       : helper_end(&running, helper, report, size, err);
}
