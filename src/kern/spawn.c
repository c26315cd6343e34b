/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/spawn.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/*
 * The raw call: glibc's setresuid would call all threads, and must not change the capabilities. The effective id owns
 * the new namespace, and the kernel applies RLIMIT_NPROC only if the real uid is not 0.
 */
static int become_uid(uid_t uid)
{
	return syscall(SYS_setresuid, uid, uid, -1) < 0 ? -errno : 0;
}

/* The new namespace takes over the soft limit that its creator has at this moment. */
static void limit_processes(const struct rlimit *ours, uint64_t count)
{
	struct rlimit limit = *ours;

	if (count && count < limit.rlim_max)
		limit.rlim_cur = count;
	setrlimit(RLIMIT_NPROC, &limit);
}

static pid_t clone_as_owner(struct clone_args *args, const struct spawn *spawn)
{
	struct rlimit ours = { 0 };
	int bits = prctl(PR_GET_SECUREBITS);

	if (prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0)
		return -errno;
	getrlimit(RLIMIT_NPROC, &ours);
	limit_processes(&ours, spawn->processes);
	int r = become_uid(spawn->owner->base);
	pid_t pid = r < 0 ? r : (pid_t)syscall(SYS_clone3, args, sizeof *args);
	if (pid == -1)
		pid = -errno;
	/* Inside the namespace it counts for each user, and the guest may set it. */
	limit_processes(&ours, 0);
	if (pid == 0)
		return 0;
	become_uid(0);
	prctl(PR_SET_SECUREBITS, bits);
	return pid;
}

/*
 * A new time namespace for our children, time_namespaces(7). clone3 cannot create it, because its offsets must be
 * written before the first process enters. Whole seconds, rounded down: the kernel would refuse a clock of the guest
 * that begins before zero.
 */
static int unshare_clocks(void)
{
	struct timespec monotonic, boot;
	char offsets[128];

	if (unshare(CLONE_NEWTIME) < 0)
		return -errno;
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	snprintf(offsets, sizeof offsets, "monotonic -%jd 0\nboottime -%jd 0\n",
		 (intmax_t)monotonic.tv_sec, (intmax_t)boot.tv_sec);
	int r = file_write(AT_FDCWD, "/proc/self/timens_offsets", offsets);
	/* Inside a machine, which may set no clocks: a namespace of its own with our clocks. */
	return r == -EPERM ? 0 : r;
}

static pid_t clone_process(struct clone_args *args, const struct spawn *spawn)
{
	if (spawn->owner)
		return clone_as_owner(args, spawn);
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof *args);
	return pid < 0 ? -errno : pid;
}

/* Our own clocks are restored afterwards: exec(2) would move this process into the children's namespace. */
static pid_t clone_with_clocks(struct clone_args *args, const struct spawn *spawn)
{
	scoped_fd int ours = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);

	if (ours < 0)
		return -errno;
	int r = unshare_clocks();
	pid_t pid = r < 0 ? r : clone_process(args, spawn);
	if (pid != 0 && setns(ours, CLONE_NEWTIME) < 0 && pid > 0)
		return pid; /* later code reads shifted clocks, which does no harm here */
	return pid;
}

/* Our own time namespace is that of our children again, whoever they will be. */
static pid_t clone_among(struct clone_args *args, const struct spawn *spawn)
{
	scoped_fd int ours = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

	if (ours < 0 || setns(spawn->pids_of, CLONE_NEWPID) < 0)
		return -errno;
	pid_t pid = clone_process(args, spawn);
	if (pid != 0)
		setns(ours, CLONE_NEWPID);
	return pid;
}

pid_t spawn_process(struct spawn *spawn)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = spawn->namespaces | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};

	if (spawn->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)spawn->cgroup_fd;
	}
	if (spawn->sibling) {
		args.flags |= CLONE_PARENT;
		args.exit_signal = 0; /* inherited: clone3(2) wants none here */
	}
	pid_t pid = spawn->reset_clocks ? clone_with_clocks(&args, spawn)
		    : spawn->pids_of    ? clone_among(&args, spawn)
					: clone_process(&args, spawn);
	spawn->pidfd = pid > 0 ? pidfd : -1;
	return pid;
}

int spawn_enter(int pidfd, uint64_t namespaces)
{
	if (setns(pidfd, (int)namespaces) < 0)
		return -errno;
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

int spawn_wait(int pidfd)
{
	siginfo_t info = { 0 };

	while (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (info.si_code == CLD_EXITED)
		return info.si_status << 8;
	return info.si_status;
}
