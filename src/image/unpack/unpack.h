/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface between berth-unpack and its callers. */
#ifndef BERTH_IMAGE_UNPACK_UNPACK_H
#define BERTH_IMAGE_UNPACK_UNPACK_H

#include "base/err.h"
#include "base/text.h"
#include "kern/idmap.h"

#include <stdint.h>

/* berth-unpack BASE COUNT [split | folder] (BASE, COUNT: the id map), with these descriptors open. */
enum {
	UNPACK_ARCHIVE = 0, /* read to its end; not with "folder" */
	UNPACK_REPORT = 3,  /* a pipe: takes one struct unpack_report */
	UNPACK_FACTS =
		4, /* a file in memory: takes the settings of an image, lines of template.conf */
	UNPACK_METADATA = 5, /* with "split": the archive that has metadata.yaml */
	UNPACK_FOLDER = 5,   /* with "folder": a detached, read-only mount of an image's folder */
	UNPACK_VOLUME = 6,   /* a detached mount of an empty volume, ids not mapped yet */
};

/* The result. It comes from a process that read untrusted bytes, so the reader checks it. */
struct unpack_report {
	struct err err;
	uint64_t entries;
	uint64_t nodes;      /* device nodes that were skipped */
	uint64_t attributes; /* extended attributes and ACL entries that were skipped */
	uint64_t variables;  /* of an image's environment that were skipped */
	char folder
		[64]; /* the archive's single top folder, which became the root; "" if it has none */
	char description[160]; /* of the image's metadata.yaml; "" if it has none */
};

/* The files of an image; the descriptors stay the caller's. */
struct unpack_input {
	int archive_fd;
	int metadata_fd; /* of an image whose metadata are a file of their own; -1: none */
	int folder_fd; /* a detached, read-only mount of a folder that is an OCI image; -1: none */
	struct text *
		facts; /* gets the settings of an image, lines of template.conf; NULL: they are not wanted */
};

/*
 * Runs berth-unpack on an archive and a detached mount of an empty volume without an id map, which stays the caller's.
 * 0, or -code with the cause in err: "entry 'x' ...".
 */
int unpack_run(int mount_fd, const struct unpack_input *input, const struct idmap *map,
	       struct unpack_report *report, struct err *err);

/*
 * Unpacks a tar or a squashfs from fd into the current folder, which must be an empty volume and the only thing that
 * this process can reach. Fills in the whole report. 0 or -code.
 */
int extract_archive(int fd, struct unpack_report *report);

/* Reads the description out of an archive that has metadata.yaml. 0 or -code. */
int extract_metadata(int fd, struct unpack_report *report);

/* Moves the contents of a single top folder of the archive to the root of the volume. 0 or -code. */
int layout_settle(struct unpack_report *report);

#endif
