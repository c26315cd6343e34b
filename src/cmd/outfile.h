/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that a command writes: it appears whole and durably, or not at all. */
#ifndef BERTH_CMD_OUTFILE_H
#define BERTH_CMD_OUTFILE_H

#include "base/err.h"

#include <stdbool.h>

struct outfile {
	int fd; /* owned; to be written to */
	const char *
		path; /* borrowed; NULL: standard output, or a device or FIFO, which is written in place */
	char *folder; /* owned */
	char *aside;  /* owned: its name until it is complete; NULL: it has none */
	bool force;
};

/*
 * Opens path, "-" for standard output, which must not be a terminal. A file that exists is refused without force. 0 or
 * -code. what: the kind of data, for sentences.
 */
int outfile_open(struct outfile *out, const char *path, bool force, const char *what,
		 struct err *err);

/* Gives the complete file its name, durably. 0 or -code. */
int outfile_keep(struct outfile *out, struct err *err);

/* Closes it; a file that was not kept is gone. */
void outfile_close(struct outfile *out);
#define scoped_outfile __attribute__((cleanup(outfile_close)))

#endif
