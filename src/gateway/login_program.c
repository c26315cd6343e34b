/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gateway/login_program.h"

#include "base/install.h"
#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

int login_program(struct gateway *gateway, struct process *process, int input)
{
	static char *const env[] = { (char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				     (char *)(uintptr_t) "LANG=C.UTF-8", NULL };
	char path[PATH_MAX];
	const char *argv[] = { path, NULL };
	scoped_fd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || install_program("berth-login", path, sizeof path) < 0)
		return -EIO;
	struct process_spec spec = { .argv = argv, .env = env, .fds = { input, null, null } };
	return process_start(&gateway->processes, process, &spec);
}
