/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of events by kind, which only grow while the host is up: RUN/events.counts has those of files that were
 * rotated, and the events in RUN/events and RUN/events.1 that came later are added.
 */
#ifndef BERTH_KEEPER_EVENT_COUNT_H
#define BERTH_KEEPER_EVENT_COUNT_H

#include <stddef.h>
#include <stdint.h>

enum { EVENT_KINDS_MAX = 96, EVENT_WORD_MAX = 31 };

struct event_count {
	char name[EVENT_WORD_MAX + 1];   /* "stopped" */
	char detail[EVENT_WORD_MAX + 1]; /* its outcome, or its limit; "": it has none */
	uint64_t count;
};

/* The number of a line of a file of events, 0 if it has none. */
uint64_t event_number(const char *line);

/* Zeroed is none. */
struct event_counts {
	uint64_t through; /* number of the last event that is counted */
	size_t count;
	struct event_count list[EVENT_KINDS_MAX];
};

/*
 * Adds a file of events that is about to be rotated to PATH.counts, under the lock of that file. Done twice it counts
 * the same. 0 or -errno.
 */
int event_counts_keep(int dir_fd, const char *path, int file);

/* Counts all events so far; missing files have none. 0 or -errno. */
int event_counts_read(int dir_fd, const char *path, struct event_counts *counts);

/* The number of events of that name; detail NULL: with any. */
uint64_t event_counts_of(const struct event_counts *counts, const char *name, const char *detail);

#endif
