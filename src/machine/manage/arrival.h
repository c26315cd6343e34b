/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Volumes of a stream on their way into a pool. They have partial names until the whole stream was read and checked, so
 * that a failure or a kill leaves nothing.
 */
#ifndef BERTH_MACHINE_MANAGE_ARRIVAL_H
#define BERTH_MACHINE_MANAGE_ARRIVAL_H

#include "machine/manage/halfway.h"
#include "machine/state/subject.h"
#include "storage/partial.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stddef.h>

/* Takers of the volumes for data in the stream of a machine. All: 0 or -code. */
struct arrival_others {
	/* A further stream begins. */
	int (*begin)(void *context, const struct stream_head *head, struct err *err);
	/* Takes the description over, also after a failure, and reads the contents. */
	int (*take)(void *context, struct stream_volume *volume, struct stream_in *in,
		    struct err *err);
	/* The stream was read to its end. */
	int (*finish)(void *context, struct err *err);
	/* The arrival that takes the volumes with that uuid; NULL: they are left out, or the head does not name them. */
	struct arrival *(*of)(void *context, const char *uuid);
	void *context;
};

/*
 * arrival_halfway.c: parts of a stream that stay if it is cut. Its volumes are counted in their order, the machine's and
 * those for data.
 */
struct arrival_stay {
	struct halfway halfway;                      /* owned: the mark */
	struct arrival *machine;                     /* borrowed: of the machine's own volumes */
	void (*told)(void *context, uint64_t bytes); /* so many are on the disk; or NULL */
	void *told_context;
	uint64_t bytes_before;  /* that earlier streams have brought */
	uint64_t held_bytes;    /* of this stream, in what is held */
	bool marked;            /* this command has written the mark */
	bool in_part;           /* the next volume has begun already */
	bool complete;          /* the stream was read to its end */
	struct arrival **order; /* owned: whose each volume is */
	size_t count;
};
/* After the arrivals have ended. */
void arrival_stay_free(struct arrival_stay *stay);
#define scoped_arrival_stay __attribute__((cleanup(arrival_stay_free)))

/* Snapshots and a root, in the order of the stream. */
struct arrival {
	struct pool *pool;             /* borrowed */
	const struct subject *subject; /* borrowed: what they are of */
	uint64_t
		size; /* bytes of a tree whose description has no limit, in a pool that needs one */
	const struct arrival_others *others; /* borrowed; NULL: there are none */
	const char *base_volume; /* borrowed: volume that the first builds on; NULL: none */
	/* Called for each volume before it is made, which may also set base_volume. NULL: nothing is checked. */
	int (*check)(void *context, const struct stream_volume *volume, struct err *err);
	void *context;
	struct arrived {
		struct stream_volume volume; /* owned */
		struct partial partial;      /* owned */
		bool held;                   /* it stays if the rest does not come: halfway.h */
		size_t number;               /* in the stream, where parts of it may stay */
		uint64_t
			was; /* when the volume that it is a copy of was made, if it stays here for now; else 0 */
		bool faulty; /* errors of its file system are mended here: its blocks are not those of the stream */
	} * list; /* owned */
	size_t count;
	/*
	 * Borrowed: snapshots whose names begin so only serve the next volume, made in their place; NULL: none.
	 */
	const char *passing;
	uint64_t attributes;       /* that were left out */
	bool trusted;              /* file systems of the stream may be mounted as they are */
	struct arrival_stay *stay; /* borrowed; NULL: nothing stays if the stream is cut */
};

/* Takes one over as the last of the list, also after a failure. 0 or -code. */
int arrival_add(struct arrival *arrival, const struct arrived *one, struct err *err);

/*
 * Before arrival_read: parts of this stream stay, if it names what it has, and it goes on with what an earlier one has
 * left. stay: all zero, but for told; freed by the caller. name: of the machine. 0 or -code.
 */
int arrival_begin(struct arrival *arrival, struct arrival_stay *stay, const struct dirs *dirs,
		  const char *name, const struct stream_head *head, struct err *err);
/* Takes the volume of which an earlier stream has brought parts. */
int arrival_go_on(struct arrival *arrival, struct arrived *one, struct err *err);
/* After a part, which is on the disk: it and all before it stay. flags_fd: -1 behind the last of a volume. */
int arrival_hold(const struct arrival *arrival, const struct stream_in *in, int flags_fd,
		 struct err *err);
/* After a whole volume: the same, if much has come since the last time. */
int arrival_hold_volume(const struct arrival *arrival, const struct stream_in *in, struct err *err);
/*
 * After the end of the stream: no later one may go on, as volumes get other names, or change places with what gives way
 * to them. arrival_settle: the mark goes, with what has not got another name; nothing if the stream was cut.
 */
int arrival_close(const struct arrival *arrival, struct err *err);
void arrival_settle(const struct arrival *arrival);

/* Takes the description of a volume over, also after a failure, and reads its contents. 0 or -code. */
int arrival_take(struct arrival *arrival, struct stream_volume *volume, struct stream_in *in,
		 struct err *err);
/* After the end of the stream. 0 or -code. */
int arrival_finish(struct arrival *arrival, struct err *err);
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
 * Reads a further stream, whose first volume builds on the last one before; only the last volume stays. The stream must
 * be an increment of the machine of that uuid. settings: owned by the caller; receives the settings of that stream.
 */
int arrival_read_further(struct arrival *arrival, int fd, const char *uuid, struct text *settings,
			 struct err *err);
/* Makes a root of the last volume, a snapshot. */
int arrival_make_root(struct arrival *arrival, struct err *err);
/* Destroys one of the volumes. */
void arrival_drop_one(struct arrival *arrival, size_t index);
/* Destroys all volumes but the last `kept` ones. */
void arrival_drop(struct arrival *arrival, size_t kept);

/* Gives one that name in the pool, and nothing else. 0 or -code. */
int arrival_keep_as(struct arrival *arrival, struct arrived *one, const char *name,
		    struct err *err);
/* Gives the root of a new machine its name. */
int arrival_keep_root(struct arrival *arrival, struct arrived *one, struct err *err);

/* Destroys the volumes that have not got their names, unless they are held. */
void arrival_end(struct arrival *arrival);
#define scoped_arrival __attribute__((cleanup(arrival_end)))

#endif
