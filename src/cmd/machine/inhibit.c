/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inhibit: a machine counts as used while a command of the host runs. */
#include "cmd/cli/common.h"
#include "cmd/cli/verbs.h"
#include "machine/life/use.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* As a shell ends for a command that it cannot run. */
enum { CANNOT = 126, NOT_FOUND = 127 };

/* The command takes our place, and inherits the lock, as do the processes that it starts. */
static int run_inhibit(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	const char *const *argv = call->words + 1;
	int r = open_named(&machine, call, call->words[0], err);

	if (r == 0)
		r = machine_check(&machine, err);
	if (r != 0)
		return r;
	int use = use_begin(&machine, err);
	if (use < 0)
		return use;
	fcntl(use, F_SETFD, 0);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	r = errno == ENOENT ? NOT_FOUND : CANNOT;
	err_set(err, errno, "execute '%s': %s", argv[0],
		r == NOT_FOUND ? "there is no such command on this host" : strerror(errno));
	return r;
}

const struct command command_inhibit = {
	.name = "inhibit",
	.args = "MACHINE [--] COMMAND [ARG]...",
	.help = "Run a command of the host, while which desktop.idle does nothing to the machine",
	.traits = COMMAND_TAIL,
	.min = 2,
	.max = -1,
	.first = WORD_MACHINE,
	.run = run_inhibit,
};
