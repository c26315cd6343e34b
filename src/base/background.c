/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/background.h"

#include "base/install.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <unistd.h>

void background_run(const struct dirs *dirs, const char *verb)
{
	char program[PATH_MAX];
	const char *argv[5] = { "berth" };
	size_t n = 1;

	if (install_berth(program, sizeof program) < 0)
		return;
	if (dirs->root) {
		argv[n++] = "--root";
		argv[n++] = dirs->root;
	}
	argv[n] = verb;
	if (fork() != 0)
		return;
	/* The process must not keep a pipe, a lock or a folder of the command open. */
	close_range(0, ~0U, 0);
	for (int i = 0; i < 3; i++)
		open("/dev/null", O_RDWR);
	setsid();
	if (chdir("/") == 0)
		execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}
