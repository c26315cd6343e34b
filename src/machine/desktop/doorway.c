/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/desktop/doorway.h"

#include "base/scoped.h"
#include "kern/spawn.h"
#include "machine/confine/confine.h"
#include "machine/life/control.h"
#include "machine/life/run_state.h"

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

int doorway_open(struct doorway *doorway, struct machine *machine, struct err *err)
{
	struct run_state state;

	*doorway = (struct doorway){ .pidfd = -1 };
	scoped_fd int pidfd = control_guest(machine, err);
	if (pidfd < 0)
		return -err->code;
	int r = run_read_state(machine, &state);
	if (r < 0)
		return err_set(err, -r, "read the state of machine '%s': %s", machine->name,
			       strerror(-r));
	doorway->map = state.map;
	doorway->namespaces = CLONE_NEWNS;
	if (state.map.count && !confine_left_out("userns"))
		doorway->namespaces |= CLONE_NEWUSER;
	doorway->pidfd = take_fd(&pidfd);
	return 0;
}

void doorway_close(struct doorway *doorway)
{
	scoped_close_fd(&doorway->pidfd);
}

int doorway_enter(const struct doorway *doorway, struct err *err)
{
	prctl(PR_SET_DUMPABLE, 0);
	int r = spawn_enter(doorway->pidfd, doorway->namespaces);
	if (r == 0)
		r = idmap_become_root();
	return r < 0 ? err_set(err, -r, "enter the machine's namespaces: %s", strerror(-r)) : 0;
}
