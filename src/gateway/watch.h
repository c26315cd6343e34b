/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that an epoll(7) watches, each with a function that is called once when it is ready. */
#ifndef BERTH_GATEWAY_WATCH_H
#define BERTH_GATEWAY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
	int fd;      /* borrowed */
	bool known;  /* to the epoll */
	void *owner; /* for ready */
	/* Called once for each watch_arm; a hang-up is always told. It may free the watch. */
	void (*ready)(struct watch *watch, uint32_t events);
};

/* Waits once for the events. 0 or -errno. */
int watch_arm(int epoll, struct watch *watch, uint32_t events);
/* Ends it; before its descriptor is closed, since another one may get the number. */
void watch_drop(int epoll, struct watch *watch);
/* Wakes watch_wait whenever the descriptor is readable, and calls nothing. 0 or -errno. */
int watch_always(int epoll, int fd);

/*
 * Waits for at most timeout_ms (-1: without end) and calls the functions of what is ready; none of them is called for
 * a watch that another one has dropped.
 */
void watch_wait(int epoll, int timeout_ms);

#endif
