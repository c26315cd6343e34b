/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following what happens to machines: RUN/events, which keeper/event.h writes, across its rotations. */
#ifndef BERTH_MACHINE_STATE_EVENTS_H
#define BERTH_MACHINE_STATE_EVENTS_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct events {
	const char *run; /* RUN, the installation's */
	int folder;      /* owned: RUN */
	int watch;       /* owned: inotify; readable when something was written */
	int file;        /* owned: what is being read, -1: nothing yet */
	off_t at;        /* the offset after the last whole line that was passed on */
	uint64_t last;   /* number of the last event that was passed on, or is not wanted */
};

/* The first event to read: the one after number `after`, or the next one to come. */
enum { EVENTS_FROM_NOW = -1 };
int events_open(struct events *events, const struct dirs *dirs, int64_t after, struct err *err);
void events_close(struct events *events);
#define scoped_events __attribute__((cleanup(events_close)))

/*
 * Passes on the events since the last call, in order; visit's nonzero ends it and is returned. lost: how many events
 * before this one are gone, because the reader was too slow for two rotations. line: the JSON.
 */
typedef int events_visit(void *context, uint64_t lost, const char *line);
int events_read(struct events *events, events_visit *visit, void *context, struct err *err);

#endif
