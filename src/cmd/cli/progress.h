/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The progress line on a terminal: what a command does, and for how long, once it takes longer than a second. */
#ifndef BERTH_CMD_CLI_PROGRESS_H
#define BERTH_CMD_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct progress {
	pid_t pid; /* of the child that writes the line; 0: there is none */
};

/*
 * Shows one line on standard error, "stopping machine 'web' ... 12 s", after a second and then every second, until
 * progress_end removes it. Shows nothing if standard error is not a terminal, or after progress_off.
 */
void progress_begin(struct progress *progress, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Replaces that line by one of the caller's; "": removes it. */
void progress_write(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void progress_end(struct progress *progress);
#define scoped_progress __attribute__((cleanup(progress_end)))

/* Shows how many bytes have moved so far, at which rate, and how long the rest takes. */
struct progress_bytes {
	const char *doing; /* "exporting machine 'web'" */
	int64_t began;     /* of clock_ms */
	uint64_t total;    /* bytes in all, an estimate; 0: not known */
};
void progress_show_bytes(const struct progress_bytes *shown, uint64_t bytes);

/* Whether progress_write reaches a terminal. */
bool progress_is_shown(void);

/* Shows no progress in this process, because others use the same terminal. */
void progress_off(void);

#endif
