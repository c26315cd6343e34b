/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes of a stream on their way into a pool. They have partial names until the whole stream was read and checked, so
 * that a failure or a kill leaves nothing.
 */
#ifndef BERTH_MACHINE_MANAGE_ARRIVAL_H
#define BERTH_MACHINE_MANAGE_ARRIVAL_H

#include "machine/state/machine.h"
#include "storage/partial.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stddef.h>

/* Snapshots and a root, in the order of the stream. */
struct arrival {
	struct pool *pool;             /* borrowed */
	const struct machine *machine; /* borrowed */
	const char *base_volume;       /* borrowed: volume that the first builds on; NULL: none */
	/* Called for each volume before it is made, which may also set base_volume. NULL: nothing is checked. */
	int (*check)(void *context, const struct stream_volume *volume, struct err *err);
	void *context;
	struct arrived {
		struct stream_volume volume; /* owned */
		struct partial partial;      /* owned */
		bool faulty; /* errors of its file system are mended here: its blocks are not those of the stream */
	} * list; /* owned */
	size_t count;
	uint64_t attributes; /* that were left out */
	bool trusted;        /* file systems of the stream may be mounted as they are */
};

/* Reads all volumes of the stream to its end, and checks it. 0 or -code. */
int arrival_read(struct arrival *arrival, struct stream_in *in, struct err *err);

/* The root among them, or NULL. */
struct arrived *arrival_root(const struct arrival *arrival);

/*
 * Gives a snapshot its name, with its mark of a fresh root and its content. fresh: every root has to get an identity of
 * its own. 0 or -code.
 */
int arrival_keep_snapshot(struct arrival *arrival, struct arrived *one, bool fresh,
			  struct err *err);
/*
 * Reads a further stream, whose first volume builds on the last one before; only the last volume stays. The stream must be
 * an increment of the machine of that uuid. settings: owned by the caller; receives the settings of that stream.
 */
int arrival_read_further(struct arrival *arrival, int fd, const char *uuid, struct text *settings,
			 struct err *err);
/* Makes a root of the last volume, a snapshot. */
int arrival_make_root(struct arrival *arrival, struct err *err);
/* Destroys all volumes but the last `kept` ones. */
void arrival_drop(struct arrival *arrival, size_t kept);

/* Gives the root of a new machine its name. */
int arrival_keep_root(struct arrival *arrival, struct arrived *one, struct err *err);

/* Destroys the volumes that have not got their names. */
void arrival_end(struct arrival *arrival);
#define scoped_arrival __attribute__((cleanup(arrival_end)))

#endif
