/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of machines, for the layers above: texts are written and read here, the contents of volumes by berth-stream.
 * The two ends need not be on one host: each works on a descriptor, which may be a pipe.
 */
#ifndef BERTH_STREAM_STREAM_H
#define BERTH_STREAM_STREAM_H

#include "base/err.h"
#include "base/text.h"
#include "kern/idmap.h"
#include "stream/format.h"
#include "stream/program.h"

/* The subject of a stream, and its moment; strings are owned. */
struct stream_head {
	char *arch, *berth, *driver, *host, *name, *uuid;
	uint64_t epoch; /* seconds since the epoch: when it was written */
	bool increment; /* its first volume builds on a snapshot that the machine has */
	char *plan;     /* sum of all that identifies what is sent; "": it is not told */
	char *kind;     /* "machine", or "volume": a volume for data */
	/* NAME and UUID of each volume for data of the machine that the stream has as well, in their order; "": none. */
	char *volumes;
	char *resumes; /* sum of the part behind which it goes on; "": from the beginning */
};

/* A volume of the stream; strings are owned. */
struct stream_volume {
	char *base;      /* content of the snapshot that it builds on; "": none */
	char *base_name; /* name of that snapshot */
	char *content;   /* what identifies a snapshot on any host; "" for a root */
	char *form;      /* "tree", "blocks" */
	char *snapshot;  /* its name; "": the root of the machine */
	/* Name, uuid and text of a volume for data in the stream of a machine; "": it is the machine's own. */
	char *data, *data_uuid, *description;
	char *with; /* the snapshot of the machine that was taken at the same moment; "": none */
	uint64_t created;
	bool fresh;     /* it has no identity of its own yet */
	uint64_t size;  /* bytes: of the device, or the limit of a tree; 0: none */
	uint64_t block; /* bytes: of a block of the pool, of a volume of blocks */
};

void stream_head_free(struct stream_head *head);
void stream_volume_free(struct stream_volume *volume);

/* Called every second with the number of bytes, decompressed, so far. */
typedef void stream_tick(void *context, uint64_t bytes);

/* ---- Writing: stream_begin, stream_put for each volume, stream_end. All: 0 or -code. */
struct stream_out {
	int fd; /* borrowed */
	struct stream_press press;
	stream_tick *tick; /* or NULL */
	void *tick_context;
	uint64_t
		limit; /* bytes of the first part of a tree, at most 4 GiB; 0: contents are one part */
	const char
		*point; /* of the next volume, behind which it goes on; NULL: from the beginning */
	/* private */
	char sum[SHA256_HEX + 1];
	uint64_t volumes, bytes;
	struct stream_report report; /* of the last volume */
};

int stream_begin(struct stream_out *out, const struct stream_head *head,
		 const struct text *settings, struct err *err);
/* mount_fd: a detached read-only mount of the volume; base_fd: of its base, or -1. Both stay the caller's. */
int stream_put(struct stream_out *out, const struct stream_volume *volume, int mount_fd,
	       int base_fd, struct err *err);
/* The same for a volume of blocks: its device, and what of it is written. */
int stream_put_blocks(struct stream_out *out, const struct stream_volume *volume, int device_fd,
		      int ranges_fd, struct err *err);
int stream_end(struct stream_out *out, struct err *err);

/*
 * ---- Reading: stream_open, then stream_next and stream_get for each volume, until stream_next says that it was the
 * last. The contents of a tree may be in parts: stream_get reads one, and report.point is "" behind the last.
 */
struct stream_in {
	int fd;            /* borrowed; read no further than needed */
	stream_tick *tick; /* or NULL */
	void *tick_context;
	/* private */
	char sum[SHA256_HEX + 1]; /* of the last section */
	uint64_t volumes, bytes;
	struct stream_report report; /* of the last part */
};

/* Reads what the machine is. The settings are not checked: they are a stranger's. 0 or -code. */
int stream_open(struct stream_in *in, struct stream_head *head, struct text *settings,
		struct err *err);
/* Describes the next volume: 1; 0: the stream is complete, and nothing stands behind its end; or -code. */
int stream_next(struct stream_in *in, struct stream_volume *volume, struct err *err);
/*
 * Fills the volume that stream_next described. mount_fd: a detached mount, whose ids are then mapped; other_fd: a
 * second one, whose ids are not; flags_fd: a file in memory, the same for all parts of a volume. All stay the caller's.
 * 0 or -code.
 */
int stream_get(struct stream_in *in, int mount_fd, int other_fd, int flags_fd,
	       const struct idmap *map, struct err *err);

/* The same for a volume of blocks, whose device is as large as its description says. */
int stream_get_blocks(struct stream_in *in, int device_fd, const struct stream_volume *volume,
		      struct err *err);
/* Whether a volume is one of blocks. */
bool stream_is_blocks(const struct stream_volume *volume);

/* Passes over the contents of the volume that stream_next described; their sums are checked. 0 or -code. */
int stream_skip(struct stream_in *in, struct err *err);

/* Reads a whole stream and checks its sums; nothing is decompressed. 0 or -code. */
int stream_verify(int fd, struct err *err);

/* ---- describe.c: the texts; pure. parse: 0, or -code for a text that is not one. */
int stream_head_print(const struct stream_head *head, struct text *out);
int stream_head_parse(const char *text, size_t length, struct stream_head *head, struct err *err);
int stream_volume_print(const struct stream_volume *volume, struct text *out);
int stream_volume_parse(const char *text, size_t length, struct stream_volume *volume,
			struct err *err);

/* The codec of that name, or -EINVAL; with its level behind a colon, of those that have levels. The threads stay. */
int stream_press_of(const char *text, struct stream_press *press);

#endif
