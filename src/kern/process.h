/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts that the kernel reports of another process: its user and its signals. */
#ifndef BERTH_KERN_PROCESS_H
#define BERTH_KERN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	uid_t uid; /* effective uid, in our user namespace */
	/* Sets of signals: bit N-1 for signal N. */
	uint64_t caught, blocked, pending;
};

/* Reads /proc/PID/status once. 0 or -errno; -EPROTO when a line is missing. */
int process_look(pid_t pid, struct process *process);

/*
 * True if the process's first thread waits in sigtimedwait(2), whose set of signals /proc/PID/status shows neither as
 * caught nor as blocked. Reads /proc/PID/syscall, which needs the right to ptrace the process; false without it, and
 * for a process of another architecture than ours.
 */
bool process_waits_for_signal(pid_t pid);

/* The same as process_look from the text of that file, which it changes. */
int process_parse(char *text, struct process *process);

/*
 * The pid behind a pidfd: a child that was not waited for, so the pid cannot be reused. -errno; -ESRCH: the process is
 * not our child.
 */
pid_t process_of_pidfd(int pidfd);

static inline uint64_t process_bit(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

#endif
