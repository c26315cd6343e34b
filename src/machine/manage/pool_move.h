/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine moves to another pool of its host, with its snapshots. Its volumes come as streams, with partial names, so
 * that a failure or a kill leaves nothing. They get their names under the mark of state/move.h, and one rename of
 * machine.conf is the commit point: from then on its pool is the new one. A mark in base/renaming.h, of kind
 * POOL_MOVES, lets the next command find a move that was killed: the volumes in the pool that machine.conf does not
 * name are removed then.
 */
#ifndef BERTH_MACHINE_MANAGE_POOL_MOVE_H
#define BERTH_MACHINE_MANAGE_POOL_MOVE_H

#include "machine/manage/arrival.h"
#include "machine/manage/travel.h"
#include "machine/state/move.h"

#define POOL_MOVES "pool-moves"

struct pool_move_spec {
	const char *pool;     /* borrowed */
	bool drop_attributes; /* those that a stream does not carry may be lost */
	stream_tick *tick;    /* or NULL */
	void *tick_context;
};

struct pool_move_report {
	bool ran;      /* the machine ran, and runs now */
	bool killed;   /* it did not halt in time */
	int64_t still; /* milliseconds from its stop to its start */
	struct err
		unremoved; /* why volumes are left in the old pool; the next command tries again */
	struct text warning; /* owned: of the start, as of machine_start */
};

/* Finds all that would refuse the move, and changes nothing. 0 or -code. */
int pool_move_check(struct machine *machine, const struct pool_move_spec *spec, struct err *err);
/*
 * Bytes that will be copied, and bytes a second that the new pool takes, measured with a volume that is then removed.
 * 0 or -code.
 */
int pool_move_measure(struct machine *machine, const struct pool_move_spec *spec, uint64_t *size,
		      uint64_t *rate, struct err *err);
/* Whether a running machine is copied while it goes on: its pool takes snapshots at once. 1, 0 or -code. */
int pool_move_is_live(const struct machine *machine, struct err *err);
/* 0 or -code; then the machine is in its old pool, and runs if it did. */
int machine_pool_move(struct machine *machine, const struct pool_move_spec *spec,
		      struct pool_move_report *report, struct err *err);

/*
 * Ends what moves between pools that were killed have left, unless others are at it; called as renames_finish is.
 * notes: what cannot be ended now, a line each.
 */
void pool_moves_finish(const struct dirs *dirs, struct text *notes);

/* ---- For the files of the move itself. */

struct pool_moving {
	struct machine *machine;           /* borrowed */
	const struct pool_move_spec *spec; /* borrowed */
	struct pool target;                /* owned */
	struct subject subject;
	struct arrival arrival; /* owned: what has come */
	struct move_mark mark;  /* as it is on the disk, or will be */
	int lock;               /* owned: of the move */
	char prefix[32];        /* of the snapshots of this move */
	char last[64];          /* the newest of them that has come; "": none */
	int64_t took;           /* milliseconds of the last copy */
};

/* pool_move_check.c: whether the pool has no volume of its name. 0, -EEXIST or -code. */
int pool_move_check_free(const struct machine *machine, struct pool *target, struct err *err);

/* pool_move_copy.c: copies of the running machine, until one is short or they get no shorter. 0 or -code. */
int pool_copy_running(struct pool_moving *moving, struct err *err);
/* pool_move_copy.c: what the stopped machine has more than that. 0 or -code. */
int pool_copy_last(struct pool_moving *moving, struct err *err);

/* pool_move_copy.c: what has come of a snapshot of these contents, or NULL. */
struct arrived *pool_copy_find(const struct pool_moving *moving, const char *uuid);

/* pool_move_settle.c: writes the marks. 0 or -code. */
int pool_move_mark(struct pool_moving *moving, struct err *err);
/*
 * pool_move_settle.c: removes what is left of the move, in the pool that the machine is not in, and then the marks. The
 * caller has the lock of the move, and not that of the machine. 0 or -code; then the marks stay.
 */
int pool_move_settle(struct machine *machine, const struct move_mark *mark, struct err *err);

#endif
