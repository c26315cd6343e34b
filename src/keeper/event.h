/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to machines, written down for whoever follows: a line of JSON each, in RUN/events, by
 * whoever did it, since there is no daemon. berth(1), Events, has the members.
 */
#ifndef BERTH_KEEPER_EVENT_H
#define BERTH_KEEPER_EVENT_H

#include <stdint.h>

struct event {
	const char *name;    /* "started" */
	const char *machine; /* NULL: of none */
	/* Members that only some events have, else NULL. */
	const char *cause;    /* stopped: how, in words */
	const char *outcome;  /* stopped: "clean", "killed" or "failed" */
	const char *from;     /* cloned: the other machine */
	const char *snapshot; /* its name */
	const char *limit;    /* limit: the key of machine.conf */
	const char *pool;     /* pool-low, pool-grown, held: its name */
	const char *network;  /* network-restored, network-failed: its name */
	const char *template; /* created: of which */
};

/* A line is shorter than EVENT_LINE_MAX, its end included; a file is rotated before it is larger. */
enum { EVENT_LINE_MAX = 4096, EVENT_FILE_MAX = 1 << 20 };

/*
 * Adds a line to dir_fd/path, numbered one more than the last; a file that is full becomes PATH.1
 * first. Writers at once wait for each other, for at most two seconds. 0 or -errno, which is no
 * reason for any caller to fail.
 */
int event_write(int dir_fd, const char *path, const struct event *event);

/* The number of a line of such a file, 0 if it has none. */
uint64_t event_number(const char *line);

#endif
