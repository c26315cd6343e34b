/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of images: one place checks and writes them, for the readers of all formats. */
#ifndef BERTH_IMAGE_UNPACK_ENTRY_H
#define BERTH_IMAGE_UNPACK_ENTRY_H

#include "image/unpack/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENTRIES_MAX = 4 << 20 }; /* documented in berth-template(7) */

struct extraction {
	/* The reader's: passes the data of the current entry, a regular file, to entry_write. 0 or -code. */
	int (*copy)(struct extraction *);
	/*
	 * Takes a device node, or a hard link to one, which this process has no right to make. NULL: they are left out
	 * and counted. 0 or -code.
	 */
	int (*node)(struct extraction *, struct archive_entry *);
	struct archive *disk;
	struct archive_entry *entry; /* the current one */
	struct unpack_report *report;
	uint64_t unchecked; /* bytes written since the free space was looked at */
	uint64_t folders;   /* bytes of memory that the folders so far take */
	bool follows;       /* entries may lie behind symbolic links, which end in the root */
	bool whole;     /* the tree is a whole root: the attributes of its top folder count too */
	char name[160]; /* of the current entry, fit to be shown */
};

/*
 * Prepares to write into the current folder; `follows` is set before. extraction_end releases it, also after a failure.
 */
int extraction_begin(struct extraction *x, struct unpack_report *report);
/* Sets what folders could not have while they were filled: modes and times. */
int extraction_finish(struct extraction *x);
void extraction_end(struct extraction *x);

/* Makes a path fit to be shown, for x->name. */
void entry_name(struct extraction *x, const char *path);
/* Refuses paths that leave the tree. */
int entry_check_names(struct extraction *x, struct archive_entry *entry, const char *path);
/* Checks an entry, and writes it unless it is left out. 0, or -code with the report's err set. */
int entry_take(struct extraction *x, struct archive_entry *entry);
/* Writes a piece of the current entry's data. */
int entry_write(struct extraction *x, const void *block, size_t size, int64_t offset);

/* Counts bytes that were written in another way. 0, or -code: the pool is full. */
int entry_wrote(struct extraction *x, size_t size);

/* Puts what libarchive said into the report, in our words where its own are no use. Returns -code. */
int entry_fail(struct extraction *x, struct archive *a);

/* squash.c: unpacks a squashfs from fd, a regular file, into the current folder. 0 or -code. */
int extract_squashfs(int fd, struct unpack_report *report);

/*
 * metadata.c: copies the description in a metadata.yaml, "" if it has none, fit to be shown. Pure.
 */
void metadata_description(const char *yaml, size_t length, char *out, size_t room);
/* Reads metadata.yaml in the folder, if it is a file, for the report's description. Quiet. */
void metadata_look(struct unpack_report *report);
enum { METADATA_MAX = 64 << 10 };

#endif
