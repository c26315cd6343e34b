/*
 * The next guest of a machine that goes on, made by a helper, `berth _respawn`. The loop goes on meanwhile,
 * so that whoever wants the machine to end is served; the helper has a deadline.
 */
#include "keeper/supervise.h"

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

/* It holds the machine's lock, which is to be free before anybody is told of its work. */
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

static void close_answer(struct keeper *keeper)
{
	epoll_ctl(keeper->epoll, EPOLL_CTL_DEL, keeper->answer.fd, NULL);
	scoped_close_fd(&keeper->answer.fd);
}

void respawn_kill(struct keeper *keeper)
{
	close_answer(keeper);
	reap_helper(keeper, 0);
}

static void failed(struct keeper *keeper, const char *why)
{
	char how[sizeof keeper->how];

	/* A guest that it made is our child. */
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	log_line("%s", why);
	snprintf(how, sizeof how, "could not start again: %.100s", why);
	keeper_after(keeper, ENDED_FAILED, how);
}

static void answer_ready(struct keeper *keeper, struct source *source)
{
	struct sync ours = { .fd = source->fd };
	struct err err = { 0 };
	int fds[RESPAWN_FDS];
	int r = sync_wait(&ours, STEP_RUNNING, fds, RESPAWN_FDS, &err);

	close_answer(keeper);
	reap_helper(keeper, GOODBYE_MS);
	if (r == 0)
		keeper_adopt(keeper, fds);
	else
		failed(keeper, err.text);
	clients_give_guest(keeper);
}

void respawn_late(struct keeper *keeper)
{
	char why[64];

	respawn_kill(keeper);
	snprintf(why, sizeof why, "it took longer than %d s", RESPAWN_SECONDS);
	failed(keeper, why);
	clients_give_guest(keeper);
}

static __attribute__((noreturn)) void become_helper(struct keeper *keeper,
						    const struct sync *theirs)
{
	const char *argv[8];
	char number[16];
	sigset_t none;

	snprintf(number, sizeof number, "%d", theirs->fd);
	keeper_verb(keeper, "_respawn", number, NULL, argv);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fcntl(theirs->fd, F_SETFD, 0);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int begin(struct keeper *keeper, struct err *err)
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
	keeper->answer = (struct source){ ours.fd, answer_ready };
	keeper_watch(keeper, &keeper->answer, EPOLLIN);
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
	return 0;
}

void respawn_begin(struct keeper *keeper)
{
	struct err err = { 0 };

	if (begin(keeper, &err) < 0)
		failed(keeper, err.text);
}
