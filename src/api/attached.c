/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * _attached: becomes the command of a socket, beside a process that ends it once its user has no right on the machine any
 * more. The server runs it by the words of a ticket. It is not for people.
 */
#include "cmd/cli/verbs.h"

#include "api/access.h"
#include "api/argv.h"
#include "api/verb.h"
#include "base/child.h"
#include "base/install.h"
#include "base/scoped.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 5000, HANG_UP_MS = 5000 };

/* Whether it has ended within that time. */
static bool has_ended(int pidfd, int ms)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&fd, 1, ms);
	while (n < 0 && errno == EINTR);
	return n != 0;
}

/* The server has made the command the leader of a session. */
static void signal_all(pid_t pid, int number)
{
	if (kill(-pid, number) < 0)
		kill(pid, number);
}

/* Runs in a process of its own, in no terminal, and holds no end of a pipe. */
static __attribute__((noreturn)) void guard(const struct dirs *dirs, const char *user,
					    const char *machine, pid_t pid, int pidfd)
{
	setsid();
	if (dup2(pidfd, 0) == 0)
		close_range(1, ~0U, 0);
	while (!has_ended(0, LOOK_MS)) {
		if (access_lasts(dirs, user, machine))
			continue;
		/* As when the client goes. */
		signal_all(pid, SIGHUP);
		if (!has_ended(0, HANG_UP_MS))
			signal_all(pid, SIGKILL);
		break;
	}
	_exit(0);
}

static int run_attached(struct call *call, struct err *err)
{
	char program[PATH_MAX];
	scoped_argv struct argv argv = { 0 };
	pid_t pid = getpid();
	scoped_fd int self = child_parent();

	verb_begin(call, &argv);
	for (int i = 2; i < call->count; i++)
		argv_add(&argv, "%s", call->words[i]);
	if (argv.failed)
		return err_set(err, ENOMEM, "out of memory");
	int r = self < 0 ? self : install_berth(program, sizeof program);
	if (r >= 0)
		r = child_detach(-1);
	if (r == 0)
		guard(&call->dirs, call->words[0], call->words[1], pid, self);
	if (r > 0) {
		execv(program, argv.words);
		r = -errno;
	}
	return err_set(err, -r, "run a command with a guard of its rights: %s", strerror(-r));
}

const struct command command_attached = {
	.name = "_attached",
	.args = "USER MACHINE WORD...",
	.help = "Run a command of a socket while its user has a right on the machine",
	.traits = COMMAND_HIDDEN | COMMAND_TAIL,
	.min = 3,
	.max = -1,
	.run = run_attached,
};
