/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parent of a process that serves a forward on demand: it has root's rights, and hears one question only. */
#include "forwarder/demand.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/rights.h"
#include "kern/spawn.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* After a failure no start is tried for a while, twice as long each time. */
enum {
	REST_LEAST_MS = 5000,
	REST_MOST_MS = 300000,
	ADDRESSES_MAX = 128,
	USE_SECONDS = 1,
	LOOK_MS = 100,
	/* From the start on a server may take so long until it listens. */
	FRESH_MS = 120000,
};

struct waker {
	const struct demand *demand;
	int fd;
	int pidfd;  /* owned: of `berth _wake`, -1: none runs */
	bool asked; /* a question waits for the machine that it starts */
	/*
	 * Owned, or -1: the keeper's lock of the run that was waited for. It is awake although its init may never say
	 * that it has booted. As long as the file is open, no other has its number.
	 */
	int known;
	unsigned failures;
	int64_t rest_until;
};

/* ---- The look at a run */

static bool is_there(int run, const char *name)
{
	return faccessat(run, name, F_OK, 0) == 0;
}

static int open_lock(int run)
{
	return openat(run, "keeper.lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static bool is_known(const struct waker *waker, int run)
{
	struct stat known, now;

	return waker->known >= 0 && fstat(waker->known, &known) == 0 &&
	       fstatat(run, "keeper.lock", &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       known.st_dev == now.st_dev && known.st_ino == now.st_ino;
}

/* Holds the lock of a use, by which the machine is not found idle from now on. -errno. */
static int use(int run)
{
	scoped_fd int fd =
		openat(run, "use", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : lock_wait(fd, LOCK_SH, USE_SECONDS);

	return r < 0 ? r : take_fd(&fd);
}

/* The file that the start has written: "ADDRESS ADDRESS6\n", the latter "-" if there is none. */
static int read_addresses(int run, struct demand_answer *answer)
{
	scoped_free char *text = NULL;

	if (file_read(run, DEMAND_ADDRESSES, ADDRESSES_MAX, &text) < 0)
		return -ENETUNREACH;
	char *six = text + strcspn(text, " \n");
	if (*six)
		*six++ = '\0';
	six[strcspn(six, "\n")] = '\0';
	answer->ipv6 = inet_pton(AF_INET6, six, &answer->address6) == 1;
	return inet_pton(AF_INET, text, &answer->address) == 1 ? 0 : -ENETUNREACH;
}

/* Whether its start is waited for, and its guest has its addresses: the state of the run is written then. */
static bool begins(const struct waker *waker, int run)
{
	return is_known(waker, run) || (waker->pidfd >= 0 && is_there(run, "state"));
}

/* The time in which ports of a run are waited for: its addresses are noted when it is started. */
static int32_t left_of_start(int run)
{
	struct stat st;
	struct timespec now;

	if (fstatat(run, DEMAND_ADDRESSES, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	int64_t age = (now.tv_sec - st.st_mtim.tv_sec) * INT64_C(1000);
	return (int32_t)(age < 0 ? FRESH_MS : age < FRESH_MS ? FRESH_MS - age : 0);
}

/*
 * Whether the machine can be reached now: 0, with its addresses and a use of it; or -errno. One that is being started is,
 * before its init says that it has booted: its ports are waited for.
 */
static int look(const struct waker *waker, struct demand_answer *answer, int *used)
{
	scoped_fd int run = open(waker->demand->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (run < 0 || !lock_is_held(run, "keeper.lock"))
		return -ESRCH;
	/* Before the look: who pauses an idle machine looks for uses first. */
	scoped_fd int held = use(run);
	if (held < 0 || is_there(run, "paused") || is_there(run, "halting") ||
	    is_there(run, "waiting") || is_there(run, "finished") ||
	    (!is_there(run, "booted") && !begins(waker, run)))
		return -EAGAIN;
	int r = read_addresses(run, answer);
	answer->fresh_ms = left_of_start(run);
	*used = r == 0 ? take_fd(&held) : -1;
	return r;
}

/* ---- Answers */

static void answer_with(const struct waker *waker, const struct demand_answer *answer, int used)
{
	union rights_room rights;
	struct iovec part = { .iov_base = (void *)(uintptr_t)answer, .iov_len = sizeof *answer };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	rights_put(&message, &rights, &used, used >= 0);
	/* A process that has ended is seen by the next receive. */
	(void)!sendmsg(waker->fd, &message, MSG_NOSIGNAL);
}

/* True: it was answered. */
static bool answer_if_awake(const struct waker *waker)
{
	struct demand_answer answer = { 0 };
	scoped_fd int used = -1;

	if (look(waker, &answer, &used) < 0)
		return false;
	answer_with(waker, &answer, used);
	return true;
}

static void refuse(const struct waker *waker, int code)
{
	answer_with(waker, &(struct demand_answer){ .code = code }, -1);
}

/* ---- The start */

static __attribute__((noreturn)) void execute(const struct waker *waker)
{
	const struct demand *demand = waker->demand;
	const char *argv[8];
	size_t n = 0;

	argv[n++] = demand->berth;
	if (*demand->root) {
		argv[n++] = "--root";
		argv[n++] = demand->root;
	}
	argv[n++] = "_wake";
	argv[n++] = demand->machine;
	argv[n++] = demand->forward;
	/* A failure is told once. */
	argv[n++] = waker->failures ? "again" : NULL;
	argv[n] = NULL;
	close_range(3, ~0U, 0);
	signal(SIGPIPE, SIG_DFL);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int begin(struct waker *waker)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	pid_t pid = spawn_process(&spawn);

	if (pid == 0)
		execute(waker);
	if (pid < 0)
		return (int)pid;
	waker->pidfd = spawn.pidfd;
	return 0;
}

static void rest(struct waker *waker)
{
	int64_t ms = REST_LEAST_MS;

	for (unsigned i = 0; i < waker->failures && ms < REST_MOST_MS; i++)
		ms *= 2;
	waker->rest_until = clock_ms() + (ms < REST_MOST_MS ? ms : REST_MOST_MS);
	waker->failures++;
}

/* Notes the run that the command has waited for. */
static void know_run(struct waker *waker)
{
	scoped_fd int run = open(waker->demand->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	scoped_close_fd(&waker->known);
	if (run >= 0)
		waker->known = open_lock(run);
}

/* Whether the machine runs, also where no way leads to it. */
static bool runs(const struct waker *waker)
{
	scoped_fd int run = open(waker->demand->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return run >= 0 && lock_is_held(run, "keeper.lock");
}

/* A machine that was stopped meanwhile, by hand, has not failed. */
static void finish(struct waker *waker)
{
	int status = spawn_wait(waker->pidfd);
	bool good = status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	scoped_close_fd(&waker->pidfd);
	bool up = runs(waker);
	bool asked = waker->asked;
	waker->asked = false;
	if (good) {
		know_run(waker);
		waker->failures = 0;
	}
	if (good && up && (!asked || answer_if_awake(waker)))
		return;
	if (!good || up)
		rest(waker);
	refuse(waker, EHOSTDOWN);
}

static void handle_question(struct waker *waker)
{
	char question[16];
	ssize_t n = recv(waker->fd, question, sizeof question, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		_exit(EXIT_SUCCESS);
	if (n < 0 || answer_if_awake(waker))
		return;
	/* A start that has begun is answered for when the machine is there, or it ends. */
	waker->asked = waker->pidfd >= 0 || (clock_ms() >= waker->rest_until && begin(waker) == 0);
	if (!waker->asked)
		refuse(waker, EHOSTDOWN);
}

void demand_serve(const struct demand *demand, int fd)
{
	struct waker waker = { .demand = demand, .fd = fd, .pidfd = -1, .known = -1 };

	for (;;) {
		struct pollfd watched[2] = { { .fd = fd, .events = POLLIN },
					     { .fd = waker.pidfd, .events = POLLIN } };
		int n = poll(watched, 2, waker.asked ? LOOK_MS : -1);
		if (n < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		if (n < 0)
			continue;
		if (watched[1].revents)
			finish(&waker);
		else if (waker.asked && answer_if_awake(&waker))
			waker.asked = false;
		if (watched[0].revents)
			handle_question(&waker);
	}
}
