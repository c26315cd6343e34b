/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that a command writes: it appears whole and durably, or not at all. */
#ifndef BERTH_BASE_OUTFILE_H
#define BERTH_BASE_OUTFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct outfile {
	int fd; /* owned; to be written to; -1: it was not opened */
	const char *
		path; /* borrowed; NULL: standard output, or a device or FIFO, which is written in place */
	char *folder; /* owned: of path */
	char *aside;  /* owned: its name until it is complete; NULL: it has none */
	bool force;   /* a file that has the name meanwhile is replaced */
};

/* A path to open. */
struct outfile_spec {
	const char *path; /* "-" for standard output, which must not be a terminal */
	const char *what; /* the kind of data, for sentences */
	mode_t mode;      /* of a new file, without the bits of umask(2) */
	bool force;       /* a file that exists is replaced, not refused */
};
/* 0 or -code; outfile_close after both. Nothing has the name before outfile_keep. */
int outfile_open(struct outfile *out, const struct outfile_spec *spec, struct err *err);

/* A file without a name in that folder, for reading and writing. A descriptor or -errno; -EOPNOTSUPP: it has none. */
int outfile_unnamed(const char *folder, mode_t mode);

/* Gives the complete file its name, durably. 0 or -code. */
int outfile_keep(struct outfile *out, struct err *err);

/* Closes it; a file that was not kept is gone. */
void outfile_close(struct outfile *out);
#define scoped_outfile __attribute__((cleanup(outfile_close)))

#endif
