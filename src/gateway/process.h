/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child processes of the gateway: each in a session of its own, each told once when it has ended. */
#ifndef BERTH_GATEWAY_PROCESS_H
#define BERTH_GATEWAY_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid;  /* 0: it has ended, or was never started */
	int status; /* of wait(2), once it has ended */
	struct process *next;
	void (*ended)(struct process *process); /* may free it */
};

/* Those that run; zeroed: none. */
struct processes {
	struct process *first;
};

struct process_spec {
	const char *const *argv; /* borrowed; argv[0] is a path */
	char *const *env;        /* borrowed; the whole environment */
	int fds[3];              /* borrowed, above 2; -1: that of the gateway */
	bool terminal;           /* fds[0] is the terminal of its session */
};

/* 0 or -errno. A program that cannot be executed ends with 127. */
int process_start(struct processes *all, struct process *process, const struct process_spec *spec);
/* Sends a signal to its session, if it still runs. */
void process_signal(const struct process *process, int signal);
/* After SIGCHLD: collects those that have ended, and calls their functions. */
void process_reap(struct processes *all);

#endif
