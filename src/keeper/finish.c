/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clean-up after a guest's end, by `berth _finish`: volume, ids, state. It needs the machine's lock, which another
 * command may hold; clients that wait for the guest's end do not wait for that command too.
 */
#include "keeper/keeper.h"

#include "base/deadlines.h"
#include "base/log.h"
#include "base/scoped.h"
#include "kern/spawn.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	ENDED_MS = 5000,  /* until clients are told of the end, unless it was killed */
	LAST_MS = 150000, /* longer than _finish waits for any lock */
};

static pid_t begin(struct keeper *keeper, const char *outcome, int *pidfd)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	pid_t pid = spawn_process(&spawn);

	if (pid == 0)
		verb_exec(keeper, "_finish", keeper->how, outcome);
	*pidfd = spawn.pidfd;
	return pid;
}

static bool ended_within(int pidfd, int milliseconds)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	return pidfd >= 0 && poll(&gone, 1, milliseconds) > 0;
}

static void tell_clients(struct keeper *keeper)
{
	requests_take_late(keeper);
	clients_tell(keeper, SAY_ENDED);
	clients_close(keeper);
}

void finish_run(struct keeper *keeper, const char *outcome)
{
	int pidfd_taken = -1;
	pid_t pid = begin(keeper, outcome, &pidfd_taken);
	scoped_fd int pidfd = pidfd_taken;

	if (pid < 0)
		log_line("clean-up: %s", strerror(-pid));
	int patience = keeper->killed ? DEADLINE_CLEANUP_KILLED_MS : ENDED_MS;
	bool ended = pid < 0 || ended_within(pidfd, patience);
	tell_clients(keeper);
	/* A client that connects now is refused at once. */
	scoped_close_fd(&keeper->control.fd);
	if (ended)
		return;
	log_line("clean-up: it takes long");
	if (!ended_within(pidfd, LAST_MS)) {
		log_line("clean-up: not in time; the next command for this machine does it");
		kill(pid, SIGKILL);
	}
}
