/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/run.h"

#include "base/scoped.h"
#include "image/shared/helper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

struct running {
	const struct stream_run *run;
	int moved_fd;
};

/* Each descriptor is duplicated first: it may have a number that is needed. */
static void execute(const char *path, int report_fd, const void *context)
{
	const struct running *running = context;
	const struct stream_run *run = running->run;
	const char *words[8] = { "berth-stream" };
	int stream = fcntl(run->fd, F_DUPFD_CLOEXEC, 16);
	int moved = fcntl(running->moved_fd, F_DUPFD_CLOEXEC, 16);
	int volume = fcntl(run->mount_fd, F_DUPFD_CLOEXEC, 16);
	int flags = run->flags_fd < 0 ? -1 : fcntl(run->flags_fd, F_DUPFD_CLOEXEC, 16);
	int other = run->other_fd < 0 ? -1 : fcntl(run->other_fd, F_DUPFD_CLOEXEC, 16);
	int report = fcntl(report_fd, F_DUPFD_CLOEXEC, 16);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < 6 && run->words[i]; i++)
		words[i + 1] = run->words[i];
	if (nothing < 0 || dup2(nothing, run->packs ? 0 : 1) < 0 ||
	    dup2(stream, run->packs ? STREAM_OUT : STREAM_IN) < 0 ||
	    dup2(report, STREAM_REPORT) < 0 || dup2(moved, STREAM_MOVED) < 0 ||
	    dup2(volume, STREAM_MOUNT) < 0)
		return;
	close(STREAM_OTHER);
	close(STREAM_FLAGS);
	if (flags >= 0 && dup2(flags, STREAM_FLAGS) < 0)
		return;
	if (other < 0 || dup2(other, STREAM_OTHER) >= 0)
		execv(path, (char *const *)(uintptr_t)words);
}

static void tick(void *context)
{
	const struct running *running = context;
	uint64_t bytes = 0;

	if (pread(running->moved_fd, &bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes)
		running->run->tick(running->run->tick_context, running->run->before + bytes);
}

int stream_run(const struct stream_run *run, struct stream_report *report, struct err *err)
{
	scoped_fd int moved = memfd_create("moved", MFD_CLOEXEC);
	struct running running = { run, moved };
	const struct helper helper = {
		.program = "berth-stream",
		.execute = execute,
		.context = &running,
		.tick = run->tick ? tick : NULL,
		.tick_context = &running,
	};

	if (moved < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	int r = helper_run(&helper, report, sizeof *report, err);
	helper_text(report->sum, sizeof report->sum);
	helper_text(report->point, sizeof report->point);
	return r;
}
