/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features of the kernel. Each is tried if that is possible, because a version proves little about a kernel's build. */
#include "cmd/host/doctor.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/cgroup.h"
#include "kern/devices.h"
#include "kern/idmap.h"
#include "kern/mount.h"
#include "kern/spawn.h"

#include "machine/confine/lsm.h"
#include "machine/life/scope.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* 5.15 has idmapped mounts of btrfs. All other calls of berth are older: cgroup.kill came with 5.14. */
enum { NEED_MAJOR = 5, NEED_MINOR = 15 };

static void check_version(struct report *report)
{
	struct utsname names;
	unsigned major = 0, minor = 0;

	if (uname(&names) < 0 || sscanf(names.release, "%u.%u", &major, &minor) != 2) {
		report_add(report, VERDICT_NOTE, "kernel", NULL, "its version cannot be read");
		return;
	}
	if (major < NEED_MAJOR || (major == NEED_MAJOR && minor < NEED_MINOR))
		report_add(report, VERDICT_PROBLEM, "kernel", "use Linux 5.15 or later",
			   "Linux %s lacks kernel features that machines need", names.release);
	else
		report_add(report, VERDICT_OK, "kernel", NULL, "Linux %s, %s", names.release,
			   names.machine);
}

/* Ids for the attempts. In a machine they are others than on a host; without security.nesting there are none. */
static struct idmap map_to_try(void)
{
	uint64_t base = 1879048192, count = 1;

	if (idmap_fit(&base, &count) < 0)
		base = 0;
	return (struct idmap){ .base = (uint32_t)base, .count = IDMAP_COUNT };
}

static void check_ids(struct report *report)
{
	if (map_to_try().base == 0)
		report_add(report, VERDICT_NOTE, "user ids",
			   "on its host: berth set MACHINE security.nesting=yes, and restart it",
			   "this is a machine without security.nesting: it has no user ids for "
			   "machines of its own");
}

/* Clones one child with the namespaces of a machine. The child ends at once. */
static int try_namespaces(uint64_t namespaces, int reset_clocks)
{
	const struct idmap owner = map_to_try();
	struct spawn spawn = { .namespaces = namespaces,
			       .cgroup_fd = -1,
			       .owner = &owner,
			       .reset_clocks = reset_clocks };

	pid_t pid = spawn_process(&spawn);
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return pid;
	scoped_fd int pidfd = spawn.pidfd;
	return spawn_wait(pidfd) == 0 ? 0 : -EIO;
}

/* The kernel refuses a user namespace to a process in a chroot (EPERM), which sees no root of a mount as its "/". */
static const char *remedy_of_no_user_namespace(int r)
{
	struct statx st;

	if (r == -ENOSPC)
		return "raise user.max_user_namespaces with sysctl(8)";
	if (r == -EPERM && statx(AT_FDCWD, "/", 0, 0, &st) == 0 &&
	    !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return "this is a chroot, in which the kernel refuses them: run berth outside of "
		       "it, or use pivot_root(8) instead";
	return "use a kernel with CONFIG_USER_NS, and allow them (sysctl "
	       "kernel.unprivileged_userns_clone and its kin)";
}

static void check_namespaces(struct report *report)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} kinds[] = {
		{ "mount", CLONE_NEWNS }, { "pid", CLONE_NEWPID }, { "network", CLONE_NEWNET },
		{ "ipc", CLONE_NEWIPC },  { "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP },
	};
	uint64_t all = CLONE_NEWUSER;

	int r = try_namespaces(CLONE_NEWUSER, 0);
	if (r < 0) {
		report_add(report, VERDICT_PROBLEM, "namespaces", remedy_of_no_user_namespace(r),
			   "user namespaces: %s", strerror(-r));
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		r = try_namespaces(CLONE_NEWUSER | kinds[i].flag, 0);
		if (r < 0)
			report_add(report, VERDICT_PROBLEM, "namespaces",
				   "use a kernel that has them, and raise user.max_*_namespaces",
				   "%s namespaces: %s", kinds[i].name, strerror(-r));
		all |= kinds[i].flag;
	}
	if (try_namespaces(all, 0) == 0)
		report_add(report, VERDICT_OK, "namespaces", NULL,
			   "user, mount, pid, network, ipc, uts and cgroup, all at once");
}

static void check_time(struct report *report)
{
	int r = try_namespaces(CLONE_NEWUSER, 1);

	if (r == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_TIME) == 0)
		report_add(report, VERDICT_NOTE, "clocks", NULL,
			   "this is a machine itself: those in it show its own uptime");
	else if (r == 0)
		report_add(report, VERDICT_OK, "clocks", NULL, "a machine's uptime begins at zero");
	else
		report_add(report, VERDICT_NOTE, "clocks", "use a kernel with CONFIG_TIME_NS",
			   "no time namespaces, machines show the uptime of the host: %s",
			   strerror(-r));
}

/* The nearest folder that exists: before the first machine is created, the state folder may be missing. */
static void nearest_folder(const char *path, char *out, size_t room)
{
	text_print(out, room, "%s", path);
	while (access(out, F_OK) < 0) {
		char *slash = strrchr(out, '/');
		if (!slash || slash == out) {
			text_print(out, room, "/");
			return;
		}
		*slash = '\0';
	}
}

static void check_idmap(struct report *report)
{
	const struct idmap map = map_to_try();
	char folder[PATH_MAX];

	nearest_folder(report->dirs->state, folder, sizeof folder);
	scoped_fd int mount = mount_clone(AT_FDCWD, folder, 0);
	scoped_fd int userns = idmap_userns(&map);
	if (mount < 0 || userns < 0) {
		report_add(report, VERDICT_PROBLEM, "mapped mounts", NULL,
			   "a mount of '%s' cannot be made: %s", folder,
			   mount < 0 ? mount_why(-mount) : strerror(-userns));
		return;
	}
	int r = mount_idmap(mount, userns);
	if (r == 0)
		report_add(report, VERDICT_OK, "mapped mounts", NULL,
			   "the file system of '%s' can be mounted with mapped ids", folder);
	else
		report_add(report, VERDICT_NOTE, "mapped mounts",
			   "pools of driver dir need ext4, xfs, btrfs or tmpfs; those of driver "
			   "btrfs work anyway; in a machine only a pool on a tmpfs does",
			   "the file system of '%s' cannot be mounted with mapped ids: %s", folder,
			   mount_why(-r));
}

/* Adds the controllers that limits and figures need, but that the host's cgroup v2 tree lacks. Returns their number. */
static int add_missing(struct text *missing)
{
	static const char *const needed[] = { "cpu", "io", "memory", "pids" };
	int count = 0;

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		if (!cgroup_has_controller(needed[i]))
			text_add(missing, "%s%s", count++ ? ", " : "", needed[i]);
	}
	return count;
}

static void check_cgroups(struct report *report)
{
	scoped_text struct text missing = { 0 };
	char where[PATH_MAX];
	scoped_free char *path = NULL;
	scoped_free char *controllers = NULL;

	if (cgroup_mount_point(where, sizeof where) < 0) {
		report_add(report, VERDICT_PROBLEM, "cgroups",
			   "mount it: mount -t cgroup2 none /sys/fs/cgroup",
			   "cgroup v2 is not mounted");
		return;
	}
	path = text_format("%s/cgroup.controllers", where);
	if (!path || file_read(AT_FDCWD, path, 4096, &controllers) < 0)
		report_add(report, VERDICT_PROBLEM, "cgroups", NULL, "'%s' cannot be read: %s",
			   where, strerror(errno));
	else if (!*text_trim(controllers))
		report_add(
			report, VERDICT_NOTE, "cgroups",
			"boot with systemd.unified_cgroup_hierarchy=1 to have them",
			"version 2 at %s has no controllers, version 1 has them: machines run, but "
			"without memory figures and limits",
			where);
	else if (add_missing(&missing) > 0)
		report_add(
			report, VERDICT_NOTE, "cgroups",
			"boot without cgroup_disable=, and with systemd.unified_cgroup_hierarchy=1",
			"version 2 at %s has no %s: the limits that they keep are refused, and "
			"their "
			"figures are missing",
			where, text_str(&missing));
	else
		report_add(report, VERDICT_OK, "cgroups", NULL, "version 2 at %s with %s; %s",
			   where, text_trim(controllers),
			   scope_offered() ? "machines get systemd scopes"
					   : "machines get cgroups of berth's own");
}

/* The program is attached to a cgroup of its own, because kernels report a missing feature in different ways. */
static void check_devices(struct report *report)
{
	char parent[32], path[64];

	dirs_object_name(report->dirs, parent, sizeof parent);
	snprintf(path, sizeof path, "%s/_doctor", parent);
	scoped_fd int group = cgroup_make(path);
	if (group < 0)
		return; /* check_cgroups has reported it, or the user is not root */
	int r = devices_confine(group, NULL, 0);
	cgroup_remove(path);
	if (r == 0)
		report_add(
			report, VERDICT_OK, "devices", NULL,
			"machines are confined to their devices by BPF programs of their cgroups");
	else
		report_add(report, VERDICT_NOTE, "devices",
			   "use a kernel with CONFIG_CGROUP_BPF, for one more layer of confinement",
			   "the kernel loads no BPF programs for devices of cgroups (%s): machines "
			   "are kept from them by user namespaces and nodev mounts",
			   strerror(-r));
}

/* The security module that the host has. The rest of the confinement works without one. */
static void check_labels(struct report *report)
{
	const enum lsm_module module = lsm_label_host();
	const char *missing = lsm_missing();
	char profile[LSM_LABEL_MAX];

	lsm_name(profile, sizeof profile);
	if (module == LSM_SELINUX)
		report_add(report, VERDICT_OK, "labels", NULL,
			   "SELinux is in force (%s): machines run in the context of the process "
			   "that starts them, or in that of security.selinux",
			   lsm_label_is_permissive() ? "permissive" : "enforcing");
	else if (!missing)
		report_add(report, VERDICT_OK, "labels", NULL,
			   "machines run under AppArmor's profile '%s'", profile);
	else if (module == LSM_APPARMOR)
		report_add(report, VERDICT_NOTE, "labels",
			   "fix that, for one more layer of confinement; with "
			   "security.apparmor=yes no machine "
			   "starts without it",
			   "machines run without an AppArmor profile: %s", missing);
	else
		report_add(report, VERDICT_OK, "labels", NULL,
			   "%s: the rest of the confinement holds", missing);
}

static void check_btrfs(struct report *report)
{
	scoped_free char *known = NULL;
	scoped_free char *module = NULL;
	struct utsname names;

	if (file_read(AT_FDCWD, "/proc/filesystems", 1 << 16, &known) > 0 &&
	    strstr(known, "\tbtrfs\n")) {
		report_add(report, VERDICT_OK, "btrfs", NULL, "the kernel has it");
		return;
	}
	if (uname(&names) == 0)
		module = text_format("/lib/modules/%s/kernel/fs/btrfs", names.release);
	if (module && access(module, F_OK) == 0)
		report_add(report, VERDICT_OK, "btrfs", NULL, "the kernel has it as a module");
	else
		report_add(report, VERDICT_NOTE, "btrfs",
			   "use a kernel with btrfs, for clones that cost nothing",
			   "the kernel does not have it: pools copy what they clone");
}

void doctor_kernel(struct report *report)
{
	check_version(report);
	check_ids(report);
	check_namespaces(report);
	check_time(report);
	check_cgroups(report);
	check_devices(report);
	check_labels(report);
	check_idmap(report);
	check_btrfs(report);
}
