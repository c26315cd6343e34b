/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of machines, for commands that follow them: lines of JSON in RUN/events, each written by the process that
 * acted, since there is no daemon. berth(1), Events, lists the members.
 */
#ifndef BERTH_KEEPER_EVENT_H
#define BERTH_KEEPER_EVENT_H

#include <stdint.h>

struct event {
	const char *name;    /* "started" */
	const char *machine; /* NULL: the event concerns no machine */
	/* Members that only some events have, else NULL. */
	const char *cause;    /* stopped: how, in words */
	const char *outcome;  /* stopped: "clean", "killed" or "failed" */
	const char *from;     /* cloned: the other machine; pool-changed: the old pool */
	const char *snapshot; /* its name */
	const char *limit;    /* limit: the key of machine.conf */
	const char *pool;     /* pool-low, pool-grown, held, pool-changed: its name */
	const char *network;  /* network-restored, network-failed: its name */
	const char *template; /* created: the template of the machine */
	const char *volume;   /* volume-...: its name */
};

/* A line is shorter than EVENT_LINE_MAX, its end included; a file is rotated before it is larger. */
enum { EVENT_LINE_MAX = 4096, EVENT_FILE_MAX = 1 << 20 };

/*
 * Appends a line to dir_fd/path with the next number; renames a full file to PATH.1 first. Concurrent writers wait for
 * each other, for at most two seconds. 0 or -errno; no caller should fail for it.
 */
int event_write(int dir_fd, const char *path, const struct event *event);

#endif
