/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keeper's own commands: `berth _finish`, `_respawn`, `_serve`, `_tend`.
 * They do what needs the machine's lock, or more libraries than a process that lives for years should load.
 */
#include "keeper/keeper.h"

#include <signal.h>
#include <unistd.h>

void verb_exec(const struct keeper *keeper, const char *verb, const char *word, const char *last)
{
	const char *argv[8];
	sigset_t none;
	size_t n = 0;

	argv[n++] = keeper->plan.berth;
	if (keeper->plan.root[0]) {
		argv[n++] = "--root";
		argv[n++] = keeper->plan.root;
	}
	argv[n++] = verb;
	argv[n++] = keeper->plan.name;
	argv[n++] = word;
	argv[n++] = last;
	argv[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}
