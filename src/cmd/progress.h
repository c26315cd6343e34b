/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The progress line at a terminal: what a command is at, and for how long, once it takes longer than a second. */
#ifndef BERTH_CMD_PROGRESS_H
#define BERTH_CMD_PROGRESS_H

#include <stdbool.h>
#include <sys/types.h>

struct progress {
	pid_t pid; /* of the child that writes the line; 0: there is none */
};

/*
 * From now on, until progress_end, after a second and then every second: "stopping machine 'web' ... 12 s" on
 * standard error, one line that is written over and removed at the end. Nothing where standard error is no
 * terminal, or after progress_off.
 */
void progress_begin(struct progress *progress, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A line of the caller's own in its place, for who has more to tell; "": the line is removed. */
void progress_write(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress_end(struct progress *progress);
#define scoped_progress __attribute__((cleanup(progress_end)))

/* Whether progress_write reaches a terminal. */
bool progress_is_shown(void);

/* For a process that is one of several at the same terminal. */
void progress_off(void);

#endif
