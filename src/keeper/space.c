/*
 * Seeing that the thin pool runs out of room. Each keeper looks, so that nobody has to be there for
 * all; what is to be done then is done by one program, which the first to see it starts.
 */
#include "keeper/supervise.h"

#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm_thin.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <unistd.h>

enum { LOW_PERCENT = 80, AGAIN_MS = 5000 };

static bool is_low(const struct dm_pool_status *status)
{
	return status->mode != DM_POOL_WRITE ||
	       status->data_used * 100 >= status->data_total * LOW_PERCENT ||
	       status->metadata_used * 100 >= status->metadata_total * LOW_PERCENT;
}

/* By the lock of the program that does it, RUN/locks/tend.POOL; ours is RUN/machines/NAME. */
static bool is_tended(const struct keeper *keeper)
{
	char path[128];

	if (text_print(path, sizeof path, "../../locks/tend.%s", keeper->plan.pool) < 0)
		return false;
	scoped_fd int fd = openat(keeper->run, path, O_RDWR | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* As a grandchild: it serves others too, and may outlive us. */
static void start_tending(struct keeper *keeper)
{
	const char *argv[8];
	pid_t pid = fork();

	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		keeper_verb(keeper, "_tend", NULL, NULL, argv);
		if (fork() == 0)
			execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(0);
	}
	if (pid > 0)
		child_wait(pid);
}

/* Should who holds it be killed, there may be room before another is begun, who lets it go. */
static bool is_held(const struct keeper *keeper)
{
	return faccessat(keeper->run, "held", F_OK, 0) == 0;
}

void space_look(struct keeper *keeper)
{
	struct dm_pool_status status;

	if (dm_pool_status(&keeper->dm, keeper->plan.thin_pool, 0, &status) < 0)
		return;
	bool low = is_low(&status) || is_held(keeper);
	if (low && !keeper->space_low)
		log_line("pool '%s' has little room", keeper->plan.pool);
	keeper->space_low = low;
	if (low && !is_tended(keeper))
		start_tending(keeper);
}

int space_timeout(const struct keeper *keeper)
{
	return keeper->space_low ? AGAIN_MS : -1;
}

static void space_ready(struct keeper *keeper, struct source *source)
{
	(void)source;
	dm_arm(&keeper->dm);
	space_look(keeper);
}

void space_watch(struct keeper *keeper)
{
	if (!*keeper->plan.thin_pool || dm_open(&keeper->dm) < 0)
		return;
	keeper->space = (struct source){ keeper->dm.fd, space_ready };
	dm_arm(&keeper->dm);
	keeper_watch(keeper, &keeper->space, EPOLLIN);
	space_look(keeper);
}
