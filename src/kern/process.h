/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of another process: whose it is, and which signals it would take. */
#ifndef BERTH_KERN_PROCESS_H
#define BERTH_KERN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	uid_t uid; /* effective, as we see it */
	/* Sets of signals: bit N-1 for signal N. */
	uint64_t caught, blocked, pending;
};

/* Reads /proc/PID/status once. 0 or -errno; -EPROTO when a line is missing. */
int process_look(pid_t pid, struct process *process);

/* The same out of its text, which it changes. */
int process_parse(char *text, struct process *process);

/* Of a child that was not waited for yet: its pid cannot be another's. -errno; -ESRCH: it is no such. */
pid_t process_of_pidfd(int pidfd);

static inline uint64_t process_bit(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

#endif
