/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An epoll(7) with functions to call. */
#include "gateway/watch.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

enum { ROUND = 64 }; /* calls before the caller has its turn */

int watch_arm(int epoll, struct watch *watch, uint32_t events)
{
	/* Once: a hang-up cannot be masked, and would else be told without end. */
	struct epoll_event event = { .events = events | EPOLLONESHOT, .data.ptr = watch };

	if (epoll_ctl(epoll, watch->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return -errno;
	watch->known = true;
	return 0;
}

void watch_drop(int epoll, struct watch *watch)
{
	if (watch->known)
		epoll_ctl(epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->known = false;
}

int watch_always(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void watch_wait(int epoll, int timeout_ms)
{
	/* One event a call: a function may free the watch of any other event. */
	for (int i = 0; i < ROUND; i++) {
		struct epoll_event event;
		if (epoll_wait(epoll, &event, 1, i == 0 ? timeout_ms : 0) != 1)
			return;
		struct watch *watch = event.data.ptr;
		if (!watch)
			return;
		watch->ready(watch, event.events);
	}
}
