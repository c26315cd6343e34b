/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent of a command in a machine: a small process that only waits. The guest's init ends when every
 * process of its namespace has been waited for, so that must not be the business of a client, whom a
 * terminal can stop (CTRL-Z) and a reader can hold up.
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
	bool terminal; /* the command has one of its own */
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
 * Parent and command begin on the client's processor: of two new processes a busy host would give the second another,
 * where it waits for milliseconds, and all of them but one sleep. In the command: from here on it may run wherever its
 * control group lets it, whatever the client may.
 */
void parent_go_anywhere(void);

/* A signal for the command. */
void parent_signal(const struct parent *parent, int number);

/* Waits for the end: the command's exit code, 128 + its signal, or -errno. */
int parent_wait(struct parent *parent);

/* Without a wait, the command ends, unless it is detached. */
void parent_close(struct parent *parent);

#endif
