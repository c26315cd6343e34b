/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers for tests with a network of their own: namespaces, processes in them, waits with a deadline. */
#ifndef BERTH_TESTS_OWN_NET_H
#define BERTH_TESTS_OWN_NET_H

#include "kern/link.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Puts this program into network and mount namespaces of its own, lo up, and makes it the parent of
 * what its tests' daemons leave. False, with the reason printed, where that cannot be.
 */
static inline bool own_net_enter(void)
{
	scoped_links struct link_socket *links = NULL;

	if (geteuid() != 0) {
		printf("skip: needs root\n");
		return false;
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("skip: no namespaces of our own: %s\n", strerror(errno));
		return false;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return link_open(&links) == 0 && link_set_up(links, 1) == 0;
}

/* Number of this process's open descriptors, and of what opendir needs. */
static inline int own_net_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static inline void own_net_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

static inline double own_net_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A forked child that dies with us. */
static inline pid_t own_net_fork(void)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* Exit status of a child, or -1 when a signal ended it. */
static inline int own_net_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs body in count processes at once: how many did not return 0. */
static inline int own_net_crowd(int count, int (*body)(int number, void *context), void *context)
{
	pid_t pids[64];
	int failed = 0;

	for (int i = 0; i < count; i++) {
		pids[i] = own_net_fork();
		if (pids[i] == 0)
			_exit(body(i, context) == 0 ? 0 : 1);
	}
	for (int i = 0; i < count; i++)
		failed += own_net_wait(pids[i]) != 0;
	return failed;
}

/* A process in a network namespace of its own, which waits there until it is let go on. */
struct own_net_guest {
	pid_t pid;
	int go; /* written to, it goes on */
};

static inline struct own_net_guest own_net_guest(int (*body)(void *), void *context)
{
	struct own_net_guest guest = { .pid = -1, .go = -1 };
	int ready[2], go[2];
	char byte = 0;

	if (pipe(ready) < 0 || pipe(go) < 0)
		return guest;
	guest.pid = own_net_fork();
	if (guest.pid == 0) {
		close(go[1]);
		int r = unshare(CLONE_NEWNET);
		if (r < 0 || write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(99);
		_exit(body(context));
	}
	close(ready[1]);
	close(go[0]);
	if (read(ready[0], &byte, 1) != 1)
		guest.pid = -1;
	close(ready[0]);
	guest.go = go[1];
	return guest;
}

static inline void own_net_let_go(struct own_net_guest *guest)
{
	char byte = 0;

	if (guest->go >= 0 && write(guest->go, &byte, 1) < 0)
		perror("guest");
	if (guest->go >= 0)
		close(guest->go);
	guest->go = -1;
}

#endif
