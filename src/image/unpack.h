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

/* The result. It comes from a process that read untrusted bytes, so the reader checks it. */
struct unpack_report {
	struct err err;
	uint64_t entries;
	uint64_t nodes;      /* device nodes that were skipped */
	uint64_t attributes; /* extended attributes and ACL entries that were skipped */
	char folder
		[64]; /* the archive's single top folder, which became the root; "" if it has none */
};

/*
 * Runs berth-unpack on an archive and a detached mount of an empty volume without an id map; both stay the caller's. 0,
 * or -code with the cause in err: "entry 'x' ...".
 */
int unpack_run(int mount_fd, int archive_fd, const struct idmap *map, struct unpack_report *report,
	       struct err *err);

/*
 * Unpacks a tar from fd into the current folder, which must be an empty volume and the only thing that this process can
 * reach. Fills in the whole report. 0 or -code.
 */
int extract_archive(int fd, struct unpack_report *report);

/* Moves the contents of a single top folder of the archive to the root of the volume. 0 or -code. */
int layout_settle(struct unpack_report *report);

#endif
