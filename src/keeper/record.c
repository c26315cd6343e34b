/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of a keeper for commands that only look: marks and numbers in the run folder, and lines in RUN/events. clients.c
 * has the messages to connected clients.
 */
#include "keeper/keeper.h"

#include "base/log.h"
#include "base/scoped.h"
#include "keeper/event.h"

#include <fcntl.h>
#include <string.h>

void record_mark(struct keeper *keeper, const char *name)
{
	scoped_fd int fd =
		openat(keeper->run, name, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
}

/* The file is never empty for a reader, because a number that grows overwrites the one before. */
void record_count(struct keeper *keeper, const char *name, unsigned count)
{
	scoped_fd int fd =
		openat(keeper->run, name, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd >= 0)
		dprintf(fd, "%u\n", count);
}

void record_finished(struct keeper *keeper)
{
	scoped_fd int fd = openat(keeper->run, "finished",
				  O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd >= 0)
		dprintf(fd, "%s\n%s", record_outcome(keeper->ended), keeper->how);
}

/* RUN/events, by way of RUN/machines/NAME. */
void record_event(struct keeper *keeper, struct event *event)
{
	event->machine = keeper->plan.name;
	int r = event_write(keeper->run, "../../events", event);
	if (r < 0)
		log_line("event '%s' could not be written: %s", event->name, strerror(-r));
}

void record_name(struct keeper *keeper, const char *name)
{
	record_event(keeper, &(struct event){ .name = name });
}

const char *record_outcome(enum ended ended)
{
	return ended == ENDED_CLEAN ? "clean" : ended == ENDED_KILLED ? "killed" : "failed";
}

void record_end(struct keeper *keeper, enum ended ended, const char *how)
{
	record_event(keeper, &(struct event){ .name = "ended",
					      .outcome = record_outcome(ended),
					      .cause = how });
}
