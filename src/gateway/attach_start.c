/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gateway/attach_start.h"

#include "gateway/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int attach_start(struct attach *attach, const struct streams *streams, struct gateway *gateway,
		 struct process *process)
{
	scoped_environment struct environment env = { 0 };

	environment_begin(&env);
	environment_add(&env, "REMOTE_USER", attach->as);
	if (attach->terminal)
		environment_add(&env, "TERM", "xterm-256color");
	free(attach->words[0]);
	attach->words[0] = strdup(gateway->router);
	if (env.failed || !attach->words[0])
		return -ENOMEM;
	const int *far = streams->far;
	struct process_spec spec = {
		.argv = (const char *const *)(void *)attach->words,
		.env = env.words,
		.fds = { far[0], far[1], far[2] },
		.terminal = attach->terminal,
	};
	return process_start(&gateway->processes, process, &spec);
}
