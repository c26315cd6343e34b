/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks with a deadline. The kernel queues waiters in flock(2), and gives the lock to the first of them (fs/locks.c),
 * but it has no deadline, and the alarm that would interrupt the wait belongs to the whole process. So a child waits: a
 * lock belongs to the open file, which the child shares, so the lock that it gets is ours.
 */
#include "base/lock.h"

#include "base/clock.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STACK_SIZE = 16 << 10 };

struct waiter {
	int fd;
	int how;
	pid_t owner;
};

/* Runs in the child, which dies with us, and keeps nothing else of ours open: no other locks, no ends of pipes. */
static int wait_for_turn(void *context)
{
	const struct waiter *waiter = context;
	unsigned fd = (unsigned)waiter->fd;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != waiter->owner)
		_exit(1);
	if (fd > 0)
		syscall(SYS_close_range, 0U, fd - 1, 0U);
	syscall(SYS_close_range, fd + 1, ~0U, 0U);
	_exit(flock(waiter->fd, waiter->how) < 0);
}

/*
 * The waiter's exit sends no SIGCHLD, because the caller does not expect one. It ignores all signals except SIGTSTP, so
 * Ctrl-Z stops both, and a stopped command gives up its place in the queue.
 */
static pid_t start_waiter(struct waiter *waiter, int *pidfd)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	sigset_t most, before;

	sigfillset(&most);
	sigdelset(&most, SIGTSTP);
	sigprocmask(SIG_BLOCK, &most, &before);
	pid_t pid = clone(wait_for_turn, stack + sizeof stack, CLONE_PIDFD, waiter, pidfd);
	int code = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -code : pid;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

/* Waits until it has the lock, is killed, or the time is over; the caller checks which. */
static int wait_until(int fd, int how, int64_t deadline)
{
	struct waiter waiter = { fd, how, getpid() };
	scoped_fd int pidfd = -1;
	int64_t left;

	pid_t pid = start_waiter(&waiter, &pidfd);
	if (pid < 0)
		return pid;
	while ((left = deadline - clock_ms()) > 0) {
		struct pollfd end = { .fd = pidfd, .events = POLLIN };
		if (poll(&end, 1, left < INT32_MAX ? (int)left : INT32_MAX) > 0)
			break;
	}
	kill(pid, SIGKILL);
	reap(pid);
	return 0;
}

int lock_wait(int fd, int how, unsigned seconds)
{
	int64_t deadline = seconds ? clock_ms() + (int64_t)seconds * 1000 : 0;

	for (;;) {
		if (flock(fd, how | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (!seconds || clock_ms() >= deadline)
			return -EWOULDBLOCK;
		int r = wait_until(fd, how, deadline);
		if (r < 0)
			return r;
	}
}

bool lock_is_held(int dir_fd, const char *path)
{
	scoped_fd int fd = openat(dir_fd, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}
