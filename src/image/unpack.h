/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What template_import and the program berth-unpack agree on. */
#ifndef BERTH_IMAGE_UNPACK_H
#define BERTH_IMAGE_UNPACK_H

#include "base/err.h"
#include "kern/idmap.h"

#include <stdint.h>

/* berth-unpack BASE COUNT (the id map), with these descriptors open. */
enum {
	UNPACK_ARCHIVE = 0, /* read to its end */
	UNPACK_REPORT = 3,  /* a pipe: takes one struct unpack_report */
	UNPACK_VOLUME = 4,  /* a detached mount of an empty volume, ids not mapped yet */
};

/* What was done. It comes from a process that read hostile bytes: the reader does not trust it. */
struct unpack_report {
	struct err err;
	uint64_t entries;
	uint64_t nodes;      /* device nodes that were left out */
	uint64_t attributes; /* extended attributes and ACL entries that were left out */
	char folder[64]; /* the archive's only folder, which is the root now; "" if it has none */
};

/*
 * Runs berth-unpack over a detached mount of an empty volume whose ids are not mapped yet, and an
 * archive; both stay the caller's. 0, or -code with the cause in err: "entry 'x' ...".
 */
int unpack_run(int mount_fd, int archive_fd, const struct idmap *map, struct unpack_report *report,
	       struct err *err);

/*
 * Reads a tar from fd into the current folder, which must be an empty volume and all that this
 * process can reach. Everything in the report is filled in; 0 or -code.
 */
int extract_archive(int fd, struct unpack_report *report);

/* The root must be what was archived, not a folder above it: puts it there. 0 or -code. */
int layout_settle(struct unpack_report *report);

#endif
