/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/confined.h"

#include "base/child.h"
#include "base/scoped.h"
#include "kern/spawn.h"
#include "kern/sync.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_LOST = 125 };

void confined_end(int fd, const void *report, size_t size)
{
	const struct err *err = report;
	ssize_t n = write(fd, report, size);

	_exit(n != (ssize_t)size ? REPORT_LOST : err->code != 0);
}

static int become_root(struct err *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_set(err, errno, "become the root of a namespace: %s", strerror(errno));
	return 0;
}

/* Process 1 of its own namespaces. */
static __attribute__((noreturn)) void begin(const struct confined *confined, struct sync *sync,
					    int parent, void *report, size_t size)
{
	struct err *err = report;

	/* Until the change of ids, which ends this tie: the other end of sync is open in this process too. */
	child_tie(parent, SIGKILL);
	if (sync_wait(sync, STEP_HOST_READY, NULL, 0, err) == 0 && become_root(err) == 0)
		confined->work(parent, confined->context, report);
	confined_end(confined->report_fd, report, size);
}

static int admit(const struct confined *confined, pid_t pid, struct err *err)
{
	int r = confined->map ? idmap_write(pid, confined->map) : 0;

	if (r < 0)
		return err_set(err, -r, "map ids from %u: %s", confined->map->base, strerror(-r));
	return confined->admit ? confined->admit(pid, confined->context, err) : 0;
}

int confined_run(const struct confined *confined, void *report, size_t size, struct err *err)
{
	struct spawn spawn = { .namespaces = confined->namespaces, .cgroup_fd = -1 };
	struct sync ours, theirs;
	char how[64];

	if (sync_pair(&ours, &theirs, err) < 0)
		return -err->code;
	scoped_fd int ourselves = child_parent();
	pid_t pid = ourselves < 0 ? ourselves : spawn_process(&spawn);
	if (pid == 0)
		begin(confined, &theirs, ourselves, report, size);
	sync_close(&theirs);
	if (pid < 0)
		return err_set(err, -pid, "make namespaces to %s in: %s", confined->verb,
			       strerror(-pid));
	int r = admit(confined, pid, err);
	if (r == 0)
		r = sync_post(&ours, STEP_HOST_READY, NULL, 0, err);
	sync_close(&ours);
	if (r < 0)
		kill(pid, SIGKILL);
	int status = spawn_wait(spawn.pidfd);
	close(spawn.pidfd);
	/* The exit codes 0 and 1 mean that it made its report. */
	if (r == 0 && status != 0 && status != 1 << 8) {
		child_status_text(status, how, sizeof how);
		r = err_set(err, EIO, "%s %s; %s may be crafted to do that", confined->doing, how,
			    confined->suspect);
	}
	return r;
}
