/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree into a stream, as a pax archive: whole, or what differs from a base. Inside berth-stream only. */
#ifndef BERTH_STREAM_PACK_H
#define BERTH_STREAM_PACK_H

#include "stream/sink.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <sys/stat.h>

/* How contents are written in parts. */
struct pack_parts {
	uint64_t limit;   /* bytes of the first part; 0: all is one part */
	const char *from; /* borrowed: the point behind which it goes on; "-": from the beginning */
};
/*
 * Writes the tree of folder from_fd. base_fd: the folder of the base, of which only differences are written; -1: none.
 * Nobody changes the trees meanwhile. 0; -ESTALE: it is not the tree of the earlier parts; or -code with the file in
 * the report's err.
 */
int pack_tree(struct sink *sink, int from_fd, int base_fd, const struct pack_parts *parts);

/* Attributes of entries that stand for what a tar has no type for. */
#define PACK_SOCKET "berth.socket"
/* A further piece of a file that an earlier part has begun. */
#define PACK_FURTHER "berth.further"

/* ---- For the files of packing */

/* A point behind a part: what of the walk was before it. */
struct pack_point {
	uint64_t entries;         /* 0: none, it is the beginning */
	uint64_t offset;          /* bytes of the last of them, a file; 0: all */
	char sum[SHA256_HEX + 1]; /* of their descriptions */
};

struct packing {
	struct sink *sink;
	struct archive *out;
	struct archive_entry *entry;
	int from, base; /* owned: the current folders; base -1: there is none, everything is new */
	void *links;    /* owned; tree of tsearch(3): the files with several names so far */
	char *names, *values; /* owned; buffers for extended attributes, each for two files */
	char *data;           /* owned; for the data of two files */
	char said[300];       /* the attribute that failed, "" */
	/* Parts. */
	uint64_t limit;           /* bytes of the current one; 0: all is one part */
	unsigned part;            /* its number */
	int64_t began;            /* milliseconds, as of clock_ms */
	uint64_t entries;         /* of the walk so far */
	struct sha256 seen;       /* sum of their descriptions */
	struct pack_point behind; /* the walk passes over what is before it */
	uint64_t offset;          /* of the current file, before which an earlier part has it */
};

enum { PACK_DATA = 256 << 10, PACK_NAMES = 64 << 10, PACK_VALUE = 64 << 10 };

/*
 * pack_entry.c: writes the entry `name` of the current folder, whose path in the archive is given. -ESTALE: it was
 * replaced meanwhile. 0 or -errno; -EIO if the sink has set its err.
 */
int pack_entry(struct packing *p, const char *name, const char *path, const struct statx *st);
void pack_links_free(struct packing *p);
/* Remembers an entry that an earlier part has, as far as later ones refer to it. 0 or -errno. */
int pack_pass(struct packing *p, const char *path, const struct statx *st);

/* ---- pack_part.c */

/* Begins an archive: the only one, or that of a part. 0, or -code with the report's err set. */
int pack_open_archive(struct packing *p);

/* 0, or -code with the report's err set. */
int pack_part_begin(struct packing *p, const struct pack_parts *parts);
/*
 * Counts the next entry of the walk. 1: it is written, a file from p->offset on; 0: an earlier part has it; -ESTALE
 * with the report's err set.
 */
int pack_part_take(struct packing *p, const char *path, const struct statx *st);
/* Whether the walk still passes over what an earlier part has. */
bool pack_part_passes(const struct packing *p);
/* Whether the walk goes on behind a point: the reader may have more than what is before it. */
bool pack_part_follows_cut(const struct packing *p);
/* Bytes that the part may still take. */
uint64_t pack_part_room(const struct packing *p);
/* Ends the part behind the current entry, if it is full. 0 or -errno; -EIO: the report's err is set. */
int pack_part_check(struct packing *p);
/* Ends the part within the current entry, a file, before that byte; 0: behind the entry. As pack_part_check. */
int pack_part_end(struct packing *p, uint64_t offset);

/* pack_same.c: whether a file of the current folder is the same in the base. 1, 0, or -errno. */
int pack_same(struct packing *p, const char *name, const struct statx *st,
	      const struct statx *base);

#endif
