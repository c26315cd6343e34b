/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that may hang in the kernel, unkillable, done by a process of its own that can be given up. */
#ifndef BERTH_KERN_ERRAND_H
#define BERTH_KERN_ERRAND_H

#include "base/err.h"

struct errand {
	/* Runs in the other process: fills in count descriptors, or fails and says why. */
	int (*work)(void *context, int *fds, struct err *err);
	void *context;    /* borrowed */
	int count;        /* of descriptors that come back; at most SYNC_FDS */
	int patience;     /* milliseconds */
	const char *late; /* what to say when it took longer */
};

/*
 * The descriptors that come back in fds are the caller's. ETIMEDOUT: it was late, and is left to its
 * fate, so it must hold nothing that anybody needs. ECHILD: it died. Otherwise what work failed for.
 */
int errand_run(const struct errand *errand, int *fds, struct err *err);

#endif
