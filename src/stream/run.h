/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs berth-stream for the contents of one volume. */
#ifndef BERTH_STREAM_RUN_H
#define BERTH_STREAM_RUN_H

#include "stream/stream.h"

struct stream_run {
	const char *const *words; /* NULL-terminated: the program's arguments after its name */
	int fd;                   /* STREAM_OUT of pack, STREAM_IN of fill */
	bool packs;
	int mount_fd, other_fd; /* other_fd may be -1 */
	int flags_fd;           /* STREAM_FLAGS of fill, or -1 */
	uint64_t before;        /* bytes of the volumes before, for tick */
	stream_tick *tick;      /* or NULL */
	void *tick_context;
};

/* 0, or -code. The report is checked; all descriptors stay the caller's. */
int stream_run(const struct stream_run *run, struct stream_report *report, struct err *err);

#endif
