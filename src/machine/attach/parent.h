/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent of a command in a machine: a small process that only waits. The guest's init ends when every process of
 * its namespace was waited for. A client must not be the one that waits, since a terminal can stop it (Ctrl-Z) and a
 * reader can hold it up.
 */
#ifndef BERTH_MACHINE_ATTACH_PARENT_H
#define BERTH_MACHINE_ATTACH_PARENT_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct parent {
	/* Forks the command, in the parent: its pid and pidfd, or -errno once it has said what failed. */
	pid_t (*birth)(void *context, int *pidfd);
	void *context;
	int keeper;    /* borrowed: a connection that asked for the guest, or -1 */
	bool terminal; /* the command has a terminal of its own */
	bool detached; /* the command lives on when we are gone */
	int pidfd;     /* owned: becomes readable when the command has ended */
	int orders;    /* owned: our end of a pipe */
	int taken;     /* by the parent: its end */
};

/*
 * The parent ends the command when we are gone, killed included, and when the machine is going down: by
 * SIGTERM, and by SIGKILL when it does not go in time. It shares our memory, which makes it cheap: nothing that
 * birth reads can change before the command has executed.
 */
int parent_start(struct parent *parent, struct err *err);

/*
 * Called in the command: from here on it may run on every processor that its cgroup allows. Parent and command begin on
 * the client's processor, since a busy host would place a new process on another, where it waits for milliseconds.
 */
void parent_go_anywhere(void);

/* Passes a signal on to the command. */
void parent_signal(const struct parent *parent, int number);

/* Waits for the end: the command's exit code, 128 + its signal, or -errno. */
int parent_wait(struct parent *parent);

/* Releases it. A command that was not waited for is ended, unless it is detached. */
void parent_close(struct parent *parent);

#endif
