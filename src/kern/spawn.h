/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clone3(2) and entering: processes in new namespaces or in those of another process. */
#ifndef BERTH_KERN_SPAWN_H
#define BERTH_KERN_SPAWN_H

#include "kern/idmap.h"

#include <stdint.h>
#include <sys/types.h>

struct spawn {
	uint64_t namespaces; /* CLONE_NEW* */
	int cgroup_fd;       /* born into this cgroup; -1: into ours */
	const struct idmap
		*owner; /* borrowed; creates the user namespace as owner->base; NULL: as we are */
	int pids_of;    /* pidfd: born into the pid namespace of that process; 0: into ours */
	int sibling;    /* become a child of our parent (CLONE_PARENT) */
	uint64_t processes; /* how many the owner's namespace may hold in all; 0: as many as we */
	int reset_clocks;   /* its monotonic and boot-time clocks begin at zero */
	int pidfd;          /* out, owned by the caller; only in the parent */
};

/*
 * Behaves like fork(2): 0 in the child, the pid in the parent, or -errno. The child must end in
 * exec or _exit: if it returned, it would run its parent's scoped clean-ups.
 *
 * The number of processes is the user namespace's own limit, which needs no control group, since
 * Linux 5.14 (UCOUNT_RLIMIT_NPROC).
 *
 * With an owner, the kernel charges the namespaces, and with them the per-user limits of
 * user_namespaces(7) such as inotify instances, to owner->base and not to root, so that machines do
 * not starve each other.
 */
pid_t spawn_process(struct spawn *spawn);

/*
 * Enters the namespaces of a process (setns(2) on a pidfd), in the order that the kernel wants. Nobody in there may
 * trace us then: as with every change of ids, the kernel has just set that to fs.suid_dumpable.
 */
int spawn_enter(int pidfd, uint64_t namespaces);

/* Waits for a child by its pidfd: wait status, or -errno. */
int spawn_wait(int pidfd);

#endif
