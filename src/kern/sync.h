/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the host side and the guest side of a start agree: named steps, descriptors, failures. */
#ifndef BERTH_KERN_SYNC_H
#define BERTH_KERN_SYNC_H

#include "base/err.h"

/*
 * The steps of a start, in the order in which they happen on both sides; who posts is named.
 * machine/start/start.c and machine/start/guest.c are the two halves.
 */
enum step {
	STEP_NONE,
	STEP_CLONED, /* guest: I exist in my new namespaces */
	STEP_HOST_READY, /* host: id maps are written, root and eth0 are there; what else it is shown sent along */
	STEP_ROOT_READY, /* guest: mounts done, root pivoted, network up; console and notify sent along */
	STEP_GO,         /* host: the state is on disk, exec init */
	STEP_RUNNING, /* to who will keep it: the process runs; its descriptors sent along */
	STEP_FAILED   /* either side: err says why */
};

struct sync {
	int fd; /* owned */
};

/* What one message can send along; the kernel would take 253. */
enum { SYNC_FDS = 64 };

const char *step_name(enum step step);

/* A connected pair, close-on-exec at both ends: exec of init is what closes the guest's. */
int sync_pair(struct sync *host, struct sync *guest, struct err *err);

/* Tells the other side that we reached step, sending count descriptors along (at most SYNC_FDS). */
int sync_post(struct sync *sync, enum step step, const int *fds, int count, struct err *err);

/* Sends our failure, so that it becomes the other side's own. Quiet: nobody is left to tell. */
int sync_fail(struct sync *sync, const struct err *why);

/*
 * Waits for that step and exactly count descriptors, which the caller then owns. The other side's
 * failure, or its end, is ours.
 */
int sync_wait(struct sync *sync, enum step step, int *fds, int count, struct err *err);

/* The only end-of-file that is good: the guest's end closed by its exec. */
int sync_wait_exec(struct sync *sync, struct err *err);

void sync_close(struct sync *sync);

#endif
