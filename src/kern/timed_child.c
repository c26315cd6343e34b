/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/timed_child.h"

#include "base/child.h"
#include "base/scoped.h"
#include "kern/spawn.h"
#include "kern/sync.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

/* Time for its end before it counts as hanging. */
enum { DEATH_MILLISECONDS = 100 };

static bool is_ready(int fd, int milliseconds)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = poll(&ready, 1, milliseconds);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static __attribute__((noreturn)) void work(const struct timed_child *child, struct sync *sync)
{
	struct err err = { 0 };
	int fds[SYNC_FDS];

	if (child->work(child->context, fds, &err) < 0)
		sync_fail(sync, &err);
	else
		sync_post(sync, STEP_RUNNING, fds, child->count, &err);
	_exit(EXIT_SUCCESS);
}

/* The child's wait status; 0 for a child that does not die, which was reported before. */
static int end(int pidfd, pid_t pid, bool late)
{
	if (late || !is_ready(pidfd, DEATH_MILLISECONDS))
		kill(pid, SIGKILL);
	return is_ready(pidfd, DEATH_MILLISECONDS) ? spawn_wait(pidfd) : 0;
}

int timed_child_run(const struct timed_child *child, int *fds, struct err *err)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	struct sync here, there;
	struct err why = { 0 };
	char how[64];

	if (sync_pair(&here, &there, err) < 0)
		return -err->code;
	scoped_fd int answer = here.fd;
	pid_t pid = spawn_process(&spawn);
	if (pid == 0)
		work(child, &there);
	sync_close(&there);
	if (pid < 0)
		return err_set(err, -pid, "start a process: %s", strerror(-pid));
	scoped_fd int pidfd = spawn.pidfd;

	bool late = !is_ready(answer, child->timeout_ms);
	if (!late)
		sync_wait(&here, STEP_RUNNING, fds, child->count, &why);
	int status = end(pidfd, pid, late);
	if (late)
		return err_set(err, ETIMEDOUT, "%s", child->late);
	if (why.code == EPIPE && status != 0) {
		child_status_text(status, how, sizeof how);
		return err_set(err, ECHILD, "its child process %s", how);
	}
	return why.code ? err_set(err, why.code, "%s", why.text) : 0;
}
