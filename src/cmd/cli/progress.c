/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/progress.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool is_off;

void progress_off(void)
{
	is_off = true;
}

bool progress_is_shown(void)
{
	return !is_off && isatty(STDERR_FILENO);
}

/* Writes lines until SIGTERM. The signal is blocked and read by sigtimedwait, so that no line is left half written. */
static __attribute__((noreturn)) void write_lines(const char *what, const sigset_t *end)
{
	const struct timespec second = { .tv_sec = 1 };
	unsigned seconds = 0;

	while (sigtimedwait(end, NULL, &second) < 0) {
		if (errno == EAGAIN)
			dprintf(STDERR_FILENO, "\r%s ... %u s", what, ++seconds);
	}
	if (seconds > 0)
		dprintf(STDERR_FILENO, "\r\033[K");
	_exit(EXIT_SUCCESS);
}

void progress_begin(struct progress *progress, const char *fmt, ...)
{
	pid_t owner = getpid();
	char what[160];
	sigset_t end, before;
	va_list ap;

	*progress = (struct progress){ 0 };
	if (!progress_is_shown())
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	fflush(NULL);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, &before);
	pid_t pid = fork();
	if (pid == 0) {
		/*
		 * The child gets SIGTERM when the command ends, for example by an interrupt; the line itself interrupts
		 * nothing.
		 */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGINT, SIG_IGN);
		if (getppid() != owner)
			_exit(EXIT_FAILURE);
		write_lines(what, &end);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	progress->pid = pid > 0 ? pid : 0;
}

void progress_write(const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (!is_off)
		dprintf(STDERR_FILENO, "\r\033[K%s", line);
}

void progress_show_bytes(const struct progress_bytes *shown, uint64_t bytes)
{
	int64_t took = clock_ms() - shown->began;
	uint64_t rate = took > 0 ? bytes * 1000 / (uint64_t)took : 0;
	char done[32], speed[32], left[48] = "";

	text_human_size(bytes, done, sizeof done);
	text_human_size(rate, speed, sizeof speed);
	if (rate > 0 && shown->total > bytes)
		snprintf(left, sizeof left, ", %" PRIu64 " s left", (shown->total - bytes) / rate);
	progress_write("%s ... %s, %s/s%s", shown->doing, done, speed, left);
}

void progress_end(struct progress *progress)
{
	if (!progress->pid)
		return;
	kill(progress->pid, SIGTERM);
	while (waitpid(progress->pid, NULL, 0) < 0 && errno == EINTR)
		;
	progress->pid = 0;
}
