/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper that makes the next guest, `berth _respawn`. The loop goes on meanwhile, so that a client can end the
 * machine; the helper has a deadline. When a next guest is made, and what becomes of it, is in supervise.c.
 */
#include "keeper/keeper.h"

#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/spawn.h"
#include "kern/sync.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

enum {
	RESPAWN_SECONDS = 150, /* longer than a helper waits for any lock */
	GOODBYE_MS = 2000,     /* until a helper that has done its work is gone */
	DEATH_MS = 1000,
};

/* The helper holds the machine's lock, which must be free before a client learns of the next guest. */
static void reap_helper(struct keeper *keeper, int patience)
{
	struct pollfd gone = { .fd = keeper->helper_pidfd, .events = POLLIN };

	if (poll(&gone, 1, patience) <= 0)
		kill(keeper->helper, SIGKILL);
	poll(&gone, 1, DEATH_MS);
	waitpid(keeper->helper, NULL, WNOHANG);
	scoped_close_fd(&keeper->helper_pidfd);
	keeper->helper = 0;
}

void respawn_kill(struct keeper *keeper)
{
	event_loop_close(keeper, &keeper->answer);
	reap_helper(keeper, 0);
}

/* A guest that the helper made is the keeper's child. */
static void reap_guest(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

int respawn_take(struct keeper *keeper, int fds[RESPAWN_FDS], struct err *err)
{
	struct sync ours = { .fd = keeper->answer.fd };
	int r = sync_wait(&ours, STEP_RUNNING, fds, RESPAWN_FDS, err);

	event_loop_close(keeper, &keeper->answer);
	reap_helper(keeper, GOODBYE_MS);
	if (r < 0)
		reap_guest();
	return r;
}

int respawn_late(struct keeper *keeper, struct err *err)
{
	respawn_kill(keeper);
	reap_guest();
	return err_set(err, ETIMEDOUT, "it took longer than %d s", RESPAWN_SECONDS);
}

static __attribute__((noreturn)) void become_helper(struct keeper *keeper,
						    const struct sync *theirs)
{
	char number[16];

	text_print(number, sizeof number, "%d", theirs->fd);
	fcntl(theirs->fd, F_SETFD, 0);
	verb_exec(keeper, "_respawn", number, NULL);
}

int respawn_begin(struct keeper *keeper, struct err *err)
{
	struct itimerspec at = { .it_value.tv_sec = RESPAWN_SECONDS };
	struct sync ours = { .fd = -1 }, theirs = { .fd = -1 };
	struct spawn spawn = { .cgroup_fd = -1 };

	if (sync_pair(&ours, &theirs, err) < 0)
		return -err->code;
	pid_t pid = spawn_process(&spawn);
	if (pid == 0)
		become_helper(keeper, &theirs);
	sync_close(&theirs);
	if (pid < 0) {
		sync_close(&ours);
		return err_set(err, -pid, "fork: %s", strerror(-pid));
	}
	keeper->helper = pid;
	keeper->helper_pidfd = spawn.pidfd;
	keeper->answer.fd = ours.fd;
	event_loop_watch(keeper, &keeper->answer, EPOLLIN);
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
	return 0;
}
