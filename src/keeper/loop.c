/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: sources are watched, and one that is ready is handed out.
 * What a source's event means is its handler's business, in the file that opened it.
 */
#include "keeper/keeper.h"

#include "base/scoped.h"

#include <sys/epoll.h>

void event_loop_watch(struct keeper *keeper, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, source->fd, &event);
}

void event_loop_change(struct keeper *keeper, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	epoll_ctl(keeper->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void event_loop_ignore(struct keeper *keeper, const struct source *source)
{
	epoll_ctl(keeper->epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

void event_loop_close(struct keeper *keeper, struct source *source)
{
	if (source->fd < 0)
		return;
	/* Closing alone would leave it in the loop, should a child have a copy that it has not closed yet. */
	event_loop_ignore(keeper, source);
	scoped_close_fd(&source->fd);
}

struct source *event_loop_wait(struct keeper *keeper, int milliseconds)
{
	/*
	 * Events are taken one at a time: a handler may close an object that a later event in a batch would point at.
	 */
	struct epoll_event event;

	return epoll_wait(keeper->epoll, &event, 1, milliseconds) == 1 ? event.data.ptr : NULL;
}
