/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that read untrusted bytes for berth, berth-unpack and berth-fetch: run, and their reports taken. */
#ifndef BERTH_IMAGE_SHARED_HELPER_H
#define BERTH_IMAGE_SHARED_HELPER_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct helper {
	const char *program; /* its name in libexec */
	const char *absent;  /* why it may be missing, for a sentence; NULL: it is always there */
	/*
	 * In the forked child: passes the descriptors that the program expects, report_fd among them, and executes the
	 * file at path. Returns only with errno.
	 */
	void (*execute)(const char *path, int report_fd, const void *context);
	const void *context;  /* of execute */
	void (*tick)(void *); /* called every second until the end, or NULL */
	void *tick_context;
};

/*
 * Runs the program to its end. report: a struct of that size which begins with a struct err, smaller than PIPE_BUF; it
 * comes from a process that read untrusted bytes, and only its err is checked here. 0, or -code with the cause.
 */
int helper_run(const struct helper *helper, void *report, size_t size, struct err *err);

/* A program that runs beside the caller. */
struct helper_running {
	pid_t pid;
	int report_fd; /* owned until helper_end */
	char path[4096];
};

/* The two halves of helper_run. size: of the report. Each helper_begin that returns 0 needs its helper_end. */
int helper_begin(struct helper_running *running, const struct helper *helper, size_t size,
		 struct err *err);
int helper_end(struct helper_running *running, const struct helper *helper, void *report,
	       size_t size, struct err *err);

/* Ends a text of a report where its array ends, and replaces bytes that are not printable. */
void helper_text(char *text, size_t room);

#endif
