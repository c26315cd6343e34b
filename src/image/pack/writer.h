/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tar that is written, compressed or not, with its sums. Inside berth-pack only. */
#ifndef BERTH_IMAGE_PACK_WRITER_H
#define BERTH_IMAGE_PACK_WRITER_H

#include "base/err.h"
#include "image/shared/sha256.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

struct writer {
	struct archive *tar;
	struct archive *filter; /* compresses what tar gives; NULL: nothing does */
	int fd;                 /* borrowed */
	bool summed;
	struct sha256 plain, packed; /* of the tar, and of what is in fd */
	uint64_t size;               /* bytes in fd */
	int code;                    /* of a failed write: errno */
};

/*
 * Begins a tar in fd. compression: as of struct pack. summed: the sums are wanted. 0 or -code; writer_end after both.
 */
int writer_begin(struct writer *writer, int fd, const char *compression, bool summed,
		 struct err *err);
/* Writes a header; its data follow with writer_data, all of the entry's size. */
int writer_header(struct writer *writer, struct archive_entry *entry, struct err *err);
int writer_data(struct writer *writer, const void *bytes, size_t n, struct err *err);
/* Writes a whole entry: a folder (bytes NULL) or a file, of root. */
int writer_add(struct writer *writer, const char *path, const void *bytes, size_t n,
	       struct err *err);
/* Writes the end. Sums and size are known then. */
int writer_finish(struct writer *writer, struct err *err);
void writer_end(struct writer *writer);

#endif
