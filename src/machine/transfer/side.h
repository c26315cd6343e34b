/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One side of a transfer: the place of its files, and the way of a process to them. */
#ifndef BERTH_MACHINE_TRANSFER_SIDE_H
#define BERTH_MACHINE_TRANSFER_SIDE_H

#include "machine/state/machine.h"
#include "machine/transfer/tree.h"
#include "storage/storage.h"

struct side {
	struct machine *machine; /* borrowed; NULL: this host */
	int pidfd;               /* owned; the init of a running machine; -1: it does not run */
	int use;                 /* owned; a running machine counts as used until it is closed */
	bool privileged;         /* it runs without a user namespace */
	int lock;                /* owned; a stopped machine's, which keeps it stopped */
	struct pool pool;        /* of a stopped machine, or of a snapshot, open */
	int root_fd;             /* owned; a mount of its root */
	char volume[VOLUME_NAME_MAX + 1];
	const char *
		snapshot; /* the name of the snapshot that the root is of; borrowed; NULL: of none */
};

/*
 * Called by the command. reads: nothing is written on this side. A paused machine is refused. side_open_snapshot opens
 * the machine's root as it was then, to be read; the machine may run or not, and start meanwhile.
 */
int side_open(struct side *side, struct machine *machine, bool reads, struct err *err);
int side_open_snapshot(struct side *side, struct machine *machine, const char *snapshot,
		       struct err *err);
void side_close(struct side *side);

/* Starts the process of that side, as fork(2) does. Its pidfd is the caller's. A machine's belongs to its cgroup. */
pid_t side_fork(const struct side *side, int *pidfd, struct err *err);

/* Called in that process: enters the side. *place is valid until side_close. */
int side_enter(struct side *side, struct tree_place *place, struct err *err);

/*
 * On a side that is a root alone, paths are compared with the volumes of the machine, links followed. -EBUSY: the path
 * is in a volume. Files that a snapshot has at the target of a volume that it was not taken with are its own.
 */
int side_check_volumes(const struct side *side, const char *path, struct err *err);
/* Calls visit for each volume below the path, with the rest of its target; stops at nonzero and returns it. */
typedef int side_visit(void *context, const struct attached_config *attached, const char *below);
int side_each_below(const struct side *side, const char *path, side_visit *visit, void *context);

#endif
