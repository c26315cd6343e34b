/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts processes in new namespaces by clone3(2), and enters the namespaces of others. */
#ifndef BERTH_KERN_SPAWN_H
#define BERTH_KERN_SPAWN_H

#include "kern/idmap.h"

#include <stdint.h>
#include <sys/types.h>

struct spawn {
	uint64_t namespaces; /* CLONE_NEW* */
	int cgroup_fd;       /* the cgroup of the child from its start; -1: ours */
	const struct idmap
		*owner; /* borrowed; creates the user namespace as owner->base; NULL: as we are */
	int pids_of; /* pidfd: the child is born in the pid namespace of that process; 0: in ours */
	int sibling; /* become a child of our parent (CLONE_PARENT) */
	uint64_t processes; /* limit of processes in the user namespace; 0: ours */
	int reset_clocks;   /* its monotonic and boot-time clocks begin at zero */
	int pidfd;          /* out, owned by the caller; only in the parent */
};

/*
 * Forks: 0 in the child, the pid in the parent, or -errno. The child must end in exec or _exit: a return would run its
 * parent's scoped clean-ups.
 *
 * The limit of processes is the user namespace's own (UCOUNT_RLIMIT_NPROC, Linux 5.14), and needs no cgroup.
 *
 * With an owner, the kernel charges the namespaces and their per-user limits of user_namespaces(7), such as inotify
 * instances, to owner->base and not to root, so that machines do not starve each other.
 */
pid_t spawn_process(struct spawn *spawn);

/*
 * Enters namespaces of a process by setns(2) on a pidfd, in the order that the kernel needs. No process in them may
 * trace us then: like every change of ids, this sets dumpable to fs.suid_dumpable.
 */
int spawn_enter(int pidfd, uint64_t namespaces);

/* Waits for a child by its pidfd. Its wait status, or -errno. */
int spawn_wait(int pidfd);

#endif
