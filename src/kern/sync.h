/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages between the host side and the guest side of a start: steps, descriptors, failures. */
#ifndef BERTH_KERN_SYNC_H
#define BERTH_KERN_SYNC_H

#include "base/err.h"
#include "kern/rights.h"

/*
 * The steps of a start, in their order on both sides, with the side that posts each. machine/start/start.c and
 * machine/start/guest.c are the two halves.
 */
enum step {
	STEP_NONE,
	STEP_CLONED, /* guest: I exist in my new namespaces */
	STEP_HOST_READY, /* host: id maps are written, the root exists; shared mounts and devices are sent along */
	STEP_NETWORK, /* host: the interfaces exist; not posted if there are none */
	STEP_ROOT_READY, /* guest: mounts done, root pivoted, network up; console and notify sent along */
	STEP_GO,         /* host: the state is on disk, exec init */
	/* to the keeper, or the caller of timed_child_run: the process runs; its descriptors are sent along */
	STEP_RUNNING,
	STEP_FAILED /* either side: err says why */
};

struct sync {
	int fd; /* owned */
};

/* Descriptors that one message can send along. */
enum { SYNC_FDS = RIGHTS_MAX };

const char *step_name(enum step step);

/* A connected pair, close-on-exec at both ends: exec of init is what closes the guest's. */
int sync_pair(struct sync *host, struct sync *guest, struct err *err);

/* Tells the other side that we reached a step, and sends count descriptors along (at most SYNC_FDS). */
int sync_post(struct sync *sync, enum step step, const int *fds, int count, struct err *err);

/*
 * Sends our failure, which the other side's sync_wait returns as its own. Quiet: its own failure can be told to nobody.
 */
int sync_fail(struct sync *sync, const struct err *why);

/*
 * Waits for that step with exactly count descriptors, which the caller then owns. A failure or the end of the other
 * side is returned as an error.
 */
int sync_wait(struct sync *sync, enum step step, int *fds, int count, struct err *err);

/*
 * A failure of ours may follow from one of the other side: what it has told already replaces err. For steps that both
 * sides take at the same time. Does not wait.
 */
void sync_explain(struct sync *sync, struct err *err);

/* Waits until the guest's exec closes its end: the only end-of-file that means success. */
int sync_wait_exec(struct sync *sync, struct err *err);

void sync_close(struct sync *sync);

#endif
