/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/side.h"

#include "base/scoped.h"
#include "kern/library.h"
#include "kern/spawn.h"
#include "machine/life/clean.h"
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/life/use.h"
#include "machine/state/move.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static int open_running(struct side *side, struct err *err)
{
	struct run_state state;

	if (use_wake(side->machine, err) < 0)
		return -err->code;
	side->use = use_begin(side->machine, err);
	if (side->use < 0)
		return side->use;
	side->pidfd = control_guest(side->machine, err);
	if (side->pidfd < 0)
		return side->pidfd;
	int r = run_read_state(side->machine, &state);
	if (r < 0)
		return err_set(err, -r, "see how machine '%s' runs: %s", side->machine->name,
			       strerror(-r));
	side->privileged = !state.map.count;
	return 0;
}

/* -ENOENT: the volume, which side names, does not exist. */
static int open_volume(struct side *side, bool reads, struct err *err)
{
	const struct machine *machine = side->machine;
	uint64_t attributes = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC |
			      (reads ? MOUNT_ATTR_RDONLY : 0);

	if (machine_check(machine, err) < 0 ||
	    pool_open(&side->pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	int r = volume_lock(&side->pool, side->volume,
			    reads ? VOLUME_LOCK_READ : VOLUME_LOCK_CHANGE, err);
	return r < 0 ? r : volume_mount(&side->pool, side->volume, attributes, &side->root_fd, err);
}

/* The lock keeps the machine stopped, so that nothing else writes to its root. */
static int open_stopped(struct side *side, bool reads, struct err *err)
{
	machine_volume(side->machine->name, side->volume);
	int r = open_volume(side, reads, err);
	return r == -ENOENT ? parts_lost_volume(side->machine, err) : r;
}

int side_open_snapshot(struct side *side, struct machine *machine, const char *snapshot,
		       struct err *err)
{
	*side = (struct side){
		.machine = machine, .pidfd = -1, .use = -1, .lock = -1, .root_fd = -1
	};
	side->snapshot = snapshot;
	snapshot_volume(machine->name, snapshot, side->volume);
	int r = open_volume(side, true, err);
	if (r != -ENOENT)
		return r;
	/* The driver's sentence names the volume. */
	*err = (struct err){ 0 };
	return err_set(err, ENOENT,
		       "machine '%s' has no snapshot '%s'; see: berth snapshot list %s",
		       machine->name, snapshot, machine->name);
}

int side_open(struct side *side, struct machine *machine, bool reads, struct err *err)
{
	*side = (struct side){
		.machine = machine, .pidfd = -1, .use = -1, .lock = -1, .root_fd = -1
	};
	if (!machine)
		return 0;
	if (run_going(machine))
		return open_running(side, err);
	side->lock = control_lock_unless_running(machine, err);
	if (side->lock == -EALREADY)
		return open_running(side, err);
	if (side->lock < 0 || (run_needs_cleanup(machine) && run_clean_dead(machine, err) < 0) ||
	    (!reads && move_check(machine, err) < 0))
		return -err->code;
	return open_stopped(side, reads, err);
}

void side_close(struct side *side)
{
	scoped_close_fd(&side->pidfd);
	scoped_close_fd(&side->use);
	if (side->root_fd >= 0) {
		scoped_close_fd(&side->root_fd);
		volume_deactivate(&side->pool, side->volume, &(struct err){ 0 });
	}
	pool_close(&side->pool);
	scoped_close_fd(&side->lock);
}

/*
 * In the cgroup, the process ends with the machine, and uses the machine's memory and disk. It is not born in the pid
 * namespace, so nothing in the guest sees it.
 */
pid_t side_fork(const struct side *side, int *pidfd, struct err *err)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	scoped_fd int group = side->pidfd < 0 ? -1 : run_open_cgroup(side->machine);

	if (side->pidfd >= 0 && group < 0)
		return err_set(err, -group, "open the cgroup of machine '%s': %s",
			       side->machine->name, strerror(-group));
	spawn.cgroup_fd = group;
	pid_t pid = group < 0 ? spawn_process(&spawn) : run_spawn(side->machine, &spawn);
	if (pid < 0)
		return err_set(err, -pid, "start a process: %s", strerror(-pid));
	*pidfd = spawn.pidfd;
	return pid;
}

/* The process is not dumpable, so the guest that it enters can neither trace nor read it. */
static int enter_running(struct side *side, struct err *err)
{
	uint64_t namespaces = CLONE_NEWNS | (side->privileged ? 0 : CLONE_NEWUSER);

	prctl(PR_SET_DUMPABLE, 0);
	library_seal();
	int r = spawn_enter(side->pidfd, namespaces);
	if (r == 0)
		r = idmap_become_root();
	if (r < 0)
		return err_set(err, -r, "enter machine '%s': %s", side->machine->name,
			       strerror(-r));
	side->root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return side->root_fd < 0 ? err_set(err, errno, "open the root of machine '%s': %s",
					   side->machine->name, strerror(errno))
				 : 0;
}

int side_enter(struct side *side, struct tree_place *place, struct err *err)
{
	if (side->pidfd >= 0 && enter_running(side, err) < 0)
		return -err->code;
	*place = (struct tree_place){ .root_fd = side->root_fd,
				      .machine = side->machine ? side->machine->name : NULL };
	return 0;
}
