/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree into a stream, as a pax archive: whole, or what differs from a base. Inside berth-stream only. */
#ifndef BERTH_STREAM_PACK_H
#define BERTH_STREAM_PACK_H

#include "stream/sink.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <sys/stat.h>

/*
 * Writes the tree of folder from_fd. base_fd: the folder of the base, of which only differences are written; -1: none.
 * Nobody changes the trees meanwhile. 0, or -code with the file in the report's err.
 */
int pack_tree(struct sink *sink, int from_fd, int base_fd);

/* Attributes of entries that stand for what a tar has no type for. */
#define PACK_SOCKET "berth.socket"

/* ---- For the files of packing */

struct packing {
	struct sink *sink;
	struct archive *out;
	struct archive_entry *entry;
	int from, base; /* owned: the current folders; base -1: there is none, everything is new */
	void *links;    /* owned; tree of tsearch(3): the files with several names so far */
	char *names, *values; /* owned; buffers for extended attributes, each for two files */
	char *data;           /* owned; for the data of two files */
	char said[300];       /* the attribute that failed, "" */
};

enum { PACK_DATA = 256 << 10, PACK_NAMES = 64 << 10, PACK_VALUE = 64 << 10 };

/*
 * pack_entry.c: writes the entry `name` of the current folder, whose path in the archive is given. -ESTALE: it was
 * replaced meanwhile. 0 or -errno; -EIO if the sink has set its err.
 */
int pack_entry(struct packing *p, const char *name, const char *path, const struct statx *st);
void pack_links_free(struct packing *p);

/* pack_same.c: whether a file of the current folder is the same in the base. 1, 0, or -errno. */
int pack_same(struct packing *p, const char *name, const struct statx *st,
	      const struct statx *base);

#endif
