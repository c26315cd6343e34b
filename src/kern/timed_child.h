/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child process with a deadline, for work that may block in the kernel where not even SIGKILL ends it. */
#ifndef BERTH_KERN_TIMED_CHILD_H
#define BERTH_KERN_TIMED_CHILD_H

#include "base/err.h"

struct timed_child {
	/* Runs in the child. Fills in `count` descriptors and returns 0, or sets err and returns -code. */
	int (*work)(void *context, int *fds, struct err *err);
	void *context;    /* borrowed */
	int count;        /* of descriptors that work returns; at most SYNC_FDS */
	int timeout_ms;   /* from fork to the answer */
	const char *late; /* the error text of a time-out */
};

/*
 * Forks, runs work in the child, and waits for its answer. 0: fds holds `count` descriptors, which the caller owns.
 * -ETIMEDOUT: the child was late; it was sent SIGKILL and may still hang, so it must hold nothing that others need.
 * -ECHILD: the child died. Any other error is that of work.
 */
int timed_child_run(const struct timed_child *child, int *fds, struct err *err);

#endif
