/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest side of a start; machine/start/start.c is the host side, step for step. This process is process 1 of new
 * namespaces of every kind. It is root of the new user namespace, nobody outside of it, and in the guest's cgroup.
 * Until rootfs_enter its mounts are a locked copy of the host's.
 */
#include "machine/start/guest.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/idmap.h"
#include "kern/library.h"
#include "kern/pty.h"
#include "machine/confine/confine.h"
#include "machine/confine/rlimits.h"
#include "machine/share/share.h"
#include "machine/start/hostkeys.h"
#include "machine/start/rootfs.h"
#include "machine/start/run.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Id 0 exists for this process from now on: the host has written the id maps. */
static int become_root(struct err *err)
{
	int r = idmap_become_root();

	if (r < 0)
		return err_set(err, -r, "become root of the guest: %s", strerror(-r));
	/* PDEATHSIG is cleared by the change of ids, so it is set here: a guest does not outlive its keeper. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_set(err, errno, "tie the guest to its keeper: %s", strerror(errno));
	return 0;
}

static int enter_root(struct rootfs *rootfs, struct pty *console, struct err *err)
{
	umask(0);
	int r = rootfs_enter(rootfs, console, err);
	umask(022);
	return r;
}

static int set_names(struct run *run, struct err *err)
{
	const char *name = run->machine->name;

	if (sethostname(name, strlen(name)) < 0)
		return err_set(err, errno, "set host name '%s': %s", name, strerror(errno));
	return 0;
}

/*
 * Permission for every group to ping, as service managers set it on a host. Theirs fails here, because it names more
 * groups than a user namespace has, and a new network namespace allows none. The setting is missing without IPv4.
 */
static int let_ping(const struct run *run, struct err *err)
{
	char range[32];
	/* A privileged machine inside another machine has at most the ids of that machine. */
	uint32_t groups = run->map.count ? run->map.count : IDMAP_COUNT;

	snprintf(range, sizeof range, "0 %u", groups - 1);
	int r = file_write(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", range);
	return r < 0 && r != -ENOENT
		       ? err_set(err, -r, "set net.ipv4.ping_group_range: %s", strerror(-r))
		       : 0;
}

/*
 * The console as the kernel gives it to an init: open, but nobody's controlling terminal. This process leads no
 * session, because a session leader would get the console as its controlling terminal by opening it. A getty can take
 * it, and an interrupt typed there does not reach init; many inits would reboot.
 */
static int open_stdio(int terminal)
{
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(terminal, fd) < 0)
			return -errno;
	}
	return 0;
}

/* Executes init, which finds only its console and a clean process. */
static void exec_init(struct run *run, struct sync *sync, int terminal)
{
	struct err err = { 0 };
	const char *init = run->plan.argv[0];
	sigset_t none;
	int r = open_stdio(terminal);

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (r == 0) {
		execve(init, (char *const *)(uintptr_t)run->plan.argv,
		       (char *const *)(uintptr_t)run->plan.env);
		r = -errno;
	}
	if (r == -EACCES && run->label.module == LSM_SELINUX)
		err_set(&err, EACCES,
			"execute '%s': SELinux's policy may not let it begin in '%s', which "
			"security.selinux names (ausearch -m avc tells)",
			init, run->label.text);
	else
		err_set(&err, -r, "execute '%s': %s", init,
			r == -ENOENT ? "it, or the loader it names, is not in the root"
				     : strerror(-r));
	sync_fail(sync, &err);
}

/* The mounts that come with the message are safe ones from the host; they replace our copies of the host's mounts. */
static int wait_host(struct run *run, struct sync *sync, struct err *err)
{
	int fds[SHARES_MAX];

	if (sync_wait(sync, STEP_HOST_READY, fds, (int)run->shares.count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < run->shares.count; i++)
		run->shares.list[i].fd = fds[i];
	return 0;
}

/* The host makes the interfaces while we mount. */
static int wait_network(const struct run *run, struct sync *sync, struct err *err)
{
	return run->nic_count ? sync_wait(sync, STEP_NETWORK, NULL, 0, err) : 0;
}

static int build(struct run *run, struct sync *sync, struct pty *console, struct err *err)
{
	struct rootfs rootfs = {
		.uuid = run->machine->config.uuid,
		.guest_init = run->plan.guest_init,
		.screen = run->plan.screen,
		.shield = run->machine->config.privileged,
		.lease = run_first_lease(run),
		.credentials = run->machine->config.credentials,
		.shares = &run->shares,
	};
	const struct lease *leases[NICS_MAX];
	int out[2];

	for (size_t i = 0; i < run->nic_count; i++)
		leases[i] = &run->nics[i].lease;
	if (rlimits_give(&run->machine->config, err) < 0)
		return -err->code;
	int r = lsm_label_open(&run->label);
	if (r < 0)
		return err_set(err, -r, "open the file for the label '%s': %s", run->label.text,
			       strerror(-r));
	if (rootfs_prepare(&rootfs, err) < 0 || sync_post(sync, STEP_CLONED, NULL, 0, err) < 0 ||
	    wait_host(run, sync, err) < 0 || become_root(err) < 0 ||
	    enter_root(&rootfs, console, err) < 0 || set_names(run, err) < 0 ||
	    wait_network(run, sync, err) < 0 ||
	    network_guest_setup(leases, run->nic_count, err) < 0 || let_ping(run, err) < 0)
		return -err->code;
	out[1] = rootfs_notify_socket(err);
	if (out[1] < 0)
		return -err->code;
	out[0] = console->master;
	if (sync_post(sync, STEP_ROOT_READY, out, 2, err) < 0)
		return -err->code;
	if (sync_wait(sync, STEP_GO, NULL, 0, err) < 0)
		return -err->code;
	for (size_t i = 0; i < run->nic_count; i++)
		network_guest_announce(&run->nics[i].lease);
	return confine_process(&run->machine->config, &run->label, err);
}

void guest_main(struct run *run, struct sync *sync)
{
	struct err err = { 0 };
	struct pty console = { -1, -1, 0 };

	library_seal();
	if (build(run, sync, &console, &err) == 0) {
		if (run->fresh)
			hostkeys_make(console.slave);
		exec_init(run, sync, console.slave);
	} else {
		sync_fail(sync, &err);
	}
	_exit(EXIT_FAILURE);
}
