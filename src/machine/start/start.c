/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host side of a start; machine/start/guest.c is the guest side, step for step. */
#include "machine/start/start.h"

#include "machine/start/guest.h"
#include "machine/start/run.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "kern/blockdev.h"
#include "kern/mount.h"
#include "kern/pty.h"
#include "kern/spawn.h"
#include "machine/confine/confine.h"
#include "machine/confine/ids.h"
#include "machine/confine/kernel_limits.h"
#include "machine/confine/limits.h"
#include "machine/confine/lsm.h"
#include "machine/confine/rlimits.h"
#include "machine/life/forwards.h"
#include "machine/life/hosts.h"
#include "machine/life/life.h"
#include "machine/life/pending.h"
#include "machine/life/run_state.h"
#include "machine/life/volume_use.h"
#include "machine/share/mounts.h"
#include "machine/share/share.h"
#include "machine/share/staging.h"
#include "machine/start/cgroups.h"
#include "machine/start/identity.h"
#include "machine/start/plan.h"
#include "machine/start/views.h"
#include "machine/state/parts.h"
#include "network/guard.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

enum {
	GUEST_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
			   CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
};

/* Reads the present settings, and creates the run folder, which marks the machine as being started. */
static int open_run(struct run *run, struct err *err)
{
	struct machine *machine = run->machine;

	if (config_load_berth(machine->dirs, &run->settings, err) < 0)
		return -err->code;
	run->run_fd = open(machine->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run->run_fd < 0)
		return err_set(err, errno, "open '%s': %s", machine->run, strerror(errno));
	unlinkat(run->run_fd, "warning", 0);
	int r = machine->config.ephemeral ? run_mark_life(machine, true) : 0;
	return r < 0 ? err_set(err, -r, "record that it runs: %s", strerror(-r)) : 0;
}

/* A warning before the guest runs into a kernel limit, where the errors explain little. */
static int look_at_kernel_limits(struct run *run, struct err *err)
{
	scoped_text struct text found = { 0 };

	kernel_limits_words(&found);
	return run_warn(run, text_str(&found), err);
}

static int mount_volume(struct run *run, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	machine_volume(run->machine->name, volume);
	if (pool_open(&run->pool, run->machine->dirs, run->machine->config.pool, err) < 0)
		return -err->code;
	/* Nodev: no device node of the root itself may be opened; /dev has the nodes of a guest. */
	int r = volume_mount(&run->pool, volume, MOUNT_ATTR_NODEV, &run->root_fd, err);
	if (r < 0)
		return r == -ENOENT ? parts_lost_volume(run->machine, err) : r;
	/* If there is no single disk (none, or several), only I/O limits fail. */
	blockdev_of(run->root_fd, &run->state.disk);
	return 0;
}

/* guest-init is a file of the host, mounted read-only at a place of its own. */
static int mount_guest_init(struct run *run, struct err *err)
{
	char path[4096];
	int r = install_program("guest-init", path, sizeof path);

	run->init_fd = r < 0 ? r : mount_clone(AT_FDCWD, path, 0);
	if (run->init_fd < 0)
		return err_set(err, -run->init_fd, "show '%s' to the guest: %s", path,
			       mount_why(run->init_fd));
	r = mount_attributes(run->init_fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
			     0, 0);
	return r < 0 ? err_set(err, -r, "make '%s' read-only: %s", path, mount_why(r)) : 0;
}

static int make_plan(struct run *run, struct err *err)
{
	if (root_inspect(run->root_fd, plan_init(&run->machine->config), &run->facts, err) < 0 ||
	    plan_make(&run->plan, run->machine, &run->facts, err) < 0)
		return -err->code;
	return run->plan.guest_init ? mount_guest_init(run, err) : 0;
}

static int add_nic(struct run *run, struct nic_view *view, struct err *err)
{
	struct nic *nic = &run->nics[run->nic_count];

	if (network_open(&nic->network, run->machine->dirs, view->network, err) < 0)
		return -err->code;
	run->nic_count++;
	nic->further = view->section != NULL;
	if (network_up(&nic->network, err) < 0 ||
	    nics_take_lease(run->machine, view, &nic->network, &nic->lease, err) < 0)
		return -err->code;
	scoped_text struct text notes = { 0 };
	if (nic->network.renewed && machine_reconnect_all(&nic->network, &notes, err) < 0)
		return -err->code;
	return run_warn(run, nic->network.warning, err) < 0 ? -err->code
							    : run_warn(run, text_str(&notes), err);
}

static int find_leases(struct run *run, struct err *err)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(run->machine, nics);
	bool made = false;

	for (size_t i = 0; i < count; i++) {
		if (add_nic(run, &nics[i], err) < 0)
			return -err->code;
		made |= run->nics[i].lease.made;
		if (run->nics[i].lease.made && machine_renew_peers(&run->nics[i].network, err) < 0)
			return -err->code;
		fault_point("start-leased");
	}
	/* The machine was on other networks before, or on none. */
	if (made) {
		machine_leave_networks(run->machine, false);
		hosts_follow_all(run->machine->dirs);
	}
	return 0;
}

static int prepare_root(struct run *run, struct err *err)
{
	return identity_apply(run->machine, run->root_fd, run_first_lease(run), &run->fresh, err);
}

/* A privileged machine has the ids of the host. */
static bool has_own_ids(const struct run *run)
{
	return run->map.count && !confine_left_out("userns");
}

static int take_ids(struct run *run, struct err *err)
{
	if (run->machine->config.privileged)
		return 0;
	if (ids_fit(&run->settings, err) < 0)
		return -err->code;
	struct idmap map;
	if (ids_take(IDS_FOLDER, &run->settings, run->machine->run,
		     run->machine->config.nesting ? IDS_NESTING : 1, &map, err) < 0)
		return -err->code;
	run->map = map;
	return 0;
}

/* Every fault of shared folders and devices is found before the guest exists. */
static int open_shares(struct run *run, struct err *err)
{
	struct share_owner to = { .machine = run->machine,
				  .map = &run->map,
				  .root_fd = run->root_fd };

	scoped_text struct text skipped = { 0 };

	pending_forget(run->machine);
	/* After a reboot these are of the guest before. */
	volume_use_end_all(run->machine);
	if (share_forget_temporary(run->machine, err) < 0 ||
	    share_all(&run->shares, &to, &skipped, err) < 0 ||
	    views_add(&run->shares, &run->machine->config, &skipped, err) < 0)
		return -err->code;
	return run_warn(run, text_str(&skipped), err);
}

static int choose_label(struct run *run, struct err *err)
{
	scoped_text struct text skipped = { 0 };

	if (lsm_choose(run->machine, &run->label, &skipped, err) < 0)
		return -err->code;
	return run_warn(run, text_str(&skipped), err);
}

static int spawn_guest(struct run *run, bool sibling, struct err *err)
{
	struct sync guest = { .fd = -1 };
	struct spawn spawn = {
		.namespaces =
			has_own_ids(run) ? GUEST_NAMESPACES : GUEST_NAMESPACES & ~CLONE_NEWUSER,
		.cgroup_fd = run->cgroup_fd,
		.owner = has_own_ids(run) ? &run->map : NULL,
		.processes = confine_left_out("limits") ? 0 : run->machine->config.pids,
		.sibling = sibling,
		.reset_clocks = true,
	};

	if (sync_pair(&run->sync, &guest, err) < 0)
		return -err->code;
	/* The guest cannot raise an rlimit itself. */
	int lent = rlimits_lend(&run->machine->config, err);
	pid_t pid = lent < 0 ? lent : spawn_process(&spawn);
	if (pid == 0) {
		sync_close(&run->sync);
		guest_main(run, &guest);
	}
	/* The keeper keeps its own rlimits. */
	if (lent)
		rlimits_reset();
	sync_close(&guest);
	if (lent < 0)
		return lent;
	if (pid < 0)
		return err_set(err, -pid, "make the guest's namespaces: %s",
			       pid == -ENOSPC ? "too many of them (see user.max_*_namespaces)"
					      : strerror(-pid));
	run->init = pid;
	run->pidfd = spawn.pidfd;
	/* The guest has its creator's OOM score until here. */
	rlimits_rank_guest(pid, &run->machine->config);
	return 0;
}

static int map_ids(struct run *run, struct err *err)
{
	char path[64];

	if (!has_own_ids(run))
		return 0;
	int r = idmap_write(run->init, &run->map);
	if (r < 0)
		return err_set(err, -r, "write the guest's id maps: %s", strerror(-r));
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)run->init);
	scoped_fd int userns = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	r = userns < 0 ? -errno : mount_idmap(run->root_fd, userns);
	if (r < 0)
		return err_set(err, -r, "map the ids of the root: %s", mount_idmap_why(r));
	return 0;
}

/* Clones the guest in the staging mount namespace, and attaches the mounts that the host shows. */
static int spawn_in_staging(struct run *run, bool sibling, struct err *err)
{
	struct staging stage;

	if (staging_enter(&stage, err) == 0 && spawn_guest(run, sibling, err) == 0 &&
	    sync_wait(&run->sync, STEP_CLONED, NULL, 0, err) == 0 && map_ids(run, err) == 0)
		staging_show(run->root_fd, run->init_fd, err);
	return staging_leave(&stage, err);
}

static int attach_nic(struct run *run, struct nic *nic, struct err *err)
{
	struct port_rules rules = nics_rules(run->machine);

	if (confine_left_out("spoofing"))
		rules.guarded = false;
	if (network_attach(&nic->network, &nic->lease, run->init, err) < 0)
		return -err->code;
	/* The guest's end of the link is still down. */
	if (guard_port(&nic->network, &nic->lease, &rules, err) < 0)
		return -err->code;
	fault_point("start-attached");
	if (nic->further)
		return 0;
	scoped_text struct text left_out = { 0 };
	if (forwards_make(run->machine, &nic->network, &nic->lease, &left_out, err) < 0)
		return -err->code;
	fault_point("start-forwarded");
	return run_warn(run, text_str(&left_out), err);
}

/* Makes the interfaces while the guest mounts, and sends NETWORK. A guest that fails meanwhile makes this fail too. */
static int attach_nics(struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->nic_count; i++) {
		if (attach_nic(run, &run->nics[i], err) < 0) {
			sync_explain(&run->sync, err);
			return -err->code;
		}
	}
	return run->nic_count ? sync_post(&run->sync, STEP_NETWORK, NULL, 0, err) : 0;
}

static int wait_root(struct run *run, struct err *err)
{
	int fds[2];

	if (sync_wait(&run->sync, STEP_ROOT_READY, fds, 2, err) < 0)
		return -err->code;
	run->console_fd = fds[0];
	run->notify_fd = fds[1];
	pty_set_size(run->console_fd, &run->window);
	/* The guest becomes the only holder of its root, so that its end releases the volume. */
	scoped_close_fd(&run->root_fd);
	scoped_close_fd(&run->init_fd);
	shares_free(&run->shares);
	return 0;
}

/* Sends HOST_READY: the root is there, and the detached mounts go along. */
static int post_host_ready(struct run *run, struct err *err)
{
	int fds[SHARES_MAX];

	for (size_t i = 0; i < run->shares.count; i++) {
		if (share_lock(&run->shares.list[i], run->pidfd, has_own_ids(run), err) < 0)
			return -err->code;
		fds[i] = run->shares.list[i].fd;
	}
	return sync_post(&run->sync, STEP_HOST_READY, fds, (int)run->shares.count, err);
}

/* Links the network's folder into the run folder, for the keeper, which watches it. */
static int link_network(struct run *run, bool sibling, struct err *err)
{
	char target[96];

	if (sibling && unlinkat(run->run_fd, "network", 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s/network': %s", run->machine->run,
			       strerror(errno));
	if (run->nic_count == 0)
		return 0;
	snprintf(target, sizeof target, "../../networks/%s", run->nics[0].network.name);
	if (symlinkat(target, run->run_fd, "network") < 0)
		return err_set(err, errno, "link '%s/network': %s", run->machine->run,
			       strerror(errno));
	return 0;
}

/* Writes the state of the run. The starter becomes the keeper, or is the child of a keeper that lives on. */
static int write_state(struct run *run, bool sibling, struct err *err)
{
	run->state = (struct run_state){
		.init = run->init,
		.keeper = sibling ? getppid() : getpid(),
		.started = (uint64_t)time(NULL),
		.map = run->map,
		.disk = run->state.disk,
	};
	for (size_t i = 0; i < run->nic_count; i++) {
		const struct nic *nic = &run->nics[i];
		if (nic->further)
			run_add_nic(&run->state, nic->lease.link, nic->network.name);
		else
			snprintf(run->state.network, sizeof run->state.network, "%s",
				 nic->network.name);
	}
	int r = link_network(run, sibling, err);
	return r < 0 ? r : run_write_state(run->machine, &run->state, err);
}

/*
 * All steps from settings to a running init. After a failure the caller's run_free ends what has begun, and run_clean
 * removes the traces.
 */
static int take_steps(struct run *run, bool sibling, struct err *err)
{
	if (open_run(run, err) < 0 || look_at_kernel_limits(run, err) < 0 ||
	    mount_volume(run, err) < 0 || make_plan(run, err) < 0 || find_leases(run, err) < 0 ||
	    prepare_root(run, err) < 0 || take_ids(run, err) < 0 || open_shares(run, err) < 0 ||
	    choose_label(run, err) < 0 || cgroups_make(run, err) < 0 ||
	    spawn_in_staging(run, sibling, err) < 0 || cgroups_register(run, err) < 0 ||
	    post_host_ready(run, err) < 0 || attach_nics(run, err) < 0 || wait_root(run, err) < 0 ||
	    write_state(run, sibling, err) < 0 ||
	    sync_post(&run->sync, STEP_GO, NULL, 0, err) < 0 ||
	    sync_wait_exec(&run->sync, err) < 0 || cgroups_finish(run, err) < 0)
		return -err->code;
	/* The mark is removed last: a guest that failed before must get its own identity at the next start. */
	return run->fresh ? identity_done(run->machine, err) : 0;
}

int run_start(struct run *run, bool sibling, struct err *err)
{
	int r = take_steps(run, sibling, err);

	if (r < 0) {
		limits_explain(run->machine, run->cgroup_fd, err);
		kernel_limits_explain(err);
	}
	return r;
}
