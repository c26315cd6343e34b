/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child processes and other programs: run one, feed it, read its output, and describe its end. */
#ifndef BERTH_BASE_CHILD_H
#define BERTH_BASE_CHILD_H

#include "base/err.h"
#include "base/text.h"

#include <sys/types.h>

/* The child's input and output. Zeroed: input from /dev/null, our own output, error, and environment. */
struct child_io {
	int in_fd;        /* borrowed, 0: /dev/null */
	int out_fd;       /* borrowed, 0: inherit ours */
	int cgroup_fd;    /* borrowed: the cgroup that it runs in, if it can be entered, 0: ours */
	struct text *out; /* collects standard output (at most 1 MiB), when set */
	struct text *errors; /* collects standard error (at most 64 KiB), when set */
	int *code;           /* gets the exit code, which then counts as success, when set */
	unsigned seconds;    /* until it is killed, 0: an hour */
};

/*
 * Runs argv (looked up in PATH, no shell) and waits for it. 0 when it ended with 0; otherwise err
 * names the program, how it ended and, if errors were collected, its last line. ENOENT when the
 * program is not installed, ETIMEDOUT when it was killed since it took too long.
 */
int child_run(const char *const *argv, const struct child_io *io, struct err *err);

/*
 * Finds a program in PATH or in the folders for root's programs, which PATH may lack. The caller owns the path; NULL:
 * not found.
 */
char *child_find(const char *program);

/*
 * Forks a grandchild, which init adopts, so that it may outlive the caller, who need not wait for it. Returns 0 in the
 * grandchild, which must end in exec or _exit; 1 in the caller; -errno if the first fork failed.
 *
 * The grandchild does not have the lock, a descriptor of the caller's, or -1: a copy would hold it after the caller's
 * end, until an exec.
 */
int child_detach(int lock);

/* Waits for pid, also after signals; returns its wait status or -errno. */
int child_wait(pid_t pid);

/* The same, but -ETIMEDOUT if it still runs after so many seconds. */
int child_wait_within(pid_t pid, unsigned seconds);

/*
 * The calling process as its children can name it, in other pid namespaces too: to be opened before the fork. A
 * descriptor, closed on exec, or -errno.
 */
int child_parent(void);

/*
 * For a child: sends it the signal once the process that parent names has ended, and ends it now if that has ended
 * before. It holds after an exec. A change of ids ends it, so it is called again after one. -errno if it cannot be
 * told.
 */
int child_tie(int parent, int signal);

/* "exited with 3", "was killed by SIGKILL": the end of a sentence about a wait status. */
void child_status_text(int status, char *out, size_t room);

#endif
