/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The half of a libexec program that touches untrusted bytes: a child with namespaces of its own, process 1 in them,
 * which ends with the process that began it. Programs that are not part of berth itself only.
 */
#ifndef BERTH_IMAGE_SHARED_CONFINED_H
#define BERTH_IMAGE_SHARED_CONFINED_H

#include "base/err.h"
#include "kern/idmap.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct confined {
	uint64_t namespaces;     /* CLONE_NEW... of clone(2) */
	const struct idmap *map; /* borrowed: of its user namespace; NULL: it has none of its own */
	const char *verb, *doing; /* "unpack", "unpacking": for sentences */
	const char *suspect;      /* what may be crafted to break it: "the archive" */
	int report_fd;            /* the pipe that takes the report */
	/* Called in the parent, when ids are mapped and before work. NULL: nothing is to be done. 0 or -code. */
	int (*admit)(pid_t child, const void *context, struct err *err);
	/*
	 * Called in the child, as root of its namespace, with the report. It first gives up what it does not need, then
	 * calls child_tie(parent), since a change of ids ends the tie.
	 */
	void (*work)(int parent, const void *context, void *report);
	const void *context; /* borrowed: of both */
};

/*
 * Runs the child to its end. report: zeros, of that size, and begins with a struct err. The child writes it, unless
 * this call returns -code, with the cause in err.
 */
int confined_run(const struct confined *confined, void *report, size_t size, struct err *err);

/* Writes a report and ends the process: 0, 1 if its err is set, 125 if it could not be written. */
__attribute__((noreturn)) void confined_end(int fd, const void *report, size_t size);

#endif
