/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether root can log in at a machine's console. */
#include "machine/attach/attach.h"
#include "machine/life/run_state.h"
#include "machine/share/user.h"
#include "machine/state/machine.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/timed_child.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Longest delay of a console by this note, which is only a help. */
enum { LOOK_MILLISECONDS = 1000 };

/* guest-init gives every user a shell at its console, unless root has a password. */
static bool asks_for_login(int root_fd)
{
	scoped_fd int fd = file_open_in_root(root_fd, "run/host/guest-init", O_PATH, 0);

	return fd < 0;
}

/* ENOKEY: root has no password. */
static int look(void *context, int *fds, struct err *err)
{
	const pid_t *init = context;
	char path[64];

	(void)fds;
	snprintf(path, sizeof path, "/proc/%d/root", (int)*init);
	scoped_fd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root >= 0 && asks_for_login(root) && user_locked(root, "root")
		       ? err_set(err, ENOKEY, "root has no password")
		       : 0;
}

bool machine_root_locked(struct machine *machine)
{
	struct run_state state;
	struct timed_child child = { .work = look,
				     .context = &state.init,
				     .timeout_ms = LOOK_MILLISECONDS,
				     .late = "the machine's files do not answer" };

	return run_read_state(machine, &state) == 0 &&
	       timed_child_run(&child, NULL, &(struct err){ 0 }) == -ENOKEY;
}
