/* SPDX-License-Identifier: GPL-2.0-or-later */
/* berth-keeper. The program that starts a guest executes it in its own place, so that it is the parent of init. */
#include "keeper/keeper.h"

#include "base/log.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { OWN_LOG_MAX = 256 << 10, FILES_MAX = 65536 };

/* The keeper's own log lies beside console.log, and is emptied when it has grown. */
static int open_own_log(const struct keeper_plan *plan)
{
	char path[PATH_MAX];
	const char *slash = strrchr(plan->log, '/');
	int length = slash ? (int)(slash - plan->log) : 0;

	if (snprintf(path, sizeof path, "%.*s/keeper.log", length, plan->log) >= (int)sizeof path)
		return -1;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	if (fd >= 0 && lseek(fd, 0, SEEK_END) > OWN_LOG_MAX && ftruncate(fd, 0) < 0)
		log_line("'%s' could not be emptied: %s", path, strerror(errno));
	return fd;
}

/* Each command that runs in the machine takes a descriptor; the limit of the program that started us may be low. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct keeper keeper = {
		.run = KEEPER_RUN,
		.cgroup = KEEPER_CGROUP,
		.log = -1,
		.guest.fd = KEEPER_PIDFD,
		.console.fd = KEEPER_CONSOLE,
		.notify.fd = KEEPER_NOTIFY,
		.ask.fd = -1,
		.answer.fd = -1,
		.space.fd = -1,
		.dm.fd = -1,
		.dnsmasq = { .turn.fd = -1,
			     .lock = -1,
			     .server.fd = -1,
			     .changes.fd = -1,
			     .helper.fd = -1,
			     .timer.fd = -1 },
		.hits = { { .source.fd = -1 }, { .source.fd = -1 } },
	};

	if (argc != 2 ||
	    pread(KEEPER_PLAN, &keeper.plan, sizeof keeper.plan, 0) != sizeof keeper.plan ||
	    keeper.plan.magic != KEEPER_PLAN_MAGIC) {
		fprintf(stderr, "%s: started by berth for each machine, not by hand\n", argv[0]);
		return 2;
	}
	keeper.init = keeper.plan.init;
	close(KEEPER_PLAN);
	for (int fd = KEEPER_LOCK; fd < KEEPER_FD_END; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0);
	raise_files();
	log_to(open_own_log(&keeper.plan));
	log_line("keeps init %d", (int)keeper.plan.init);
	return keeper_run(&keeper);
}
