/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending side of a move. move.c has its order: copies while the machine runs, the stop, the last copy, the
 * handover.
 */
#ifndef BERTH_CMD_TRAVEL_MOVE_H
#define BERTH_CMD_TRAVEL_MOVE_H

#include "cmd/cli/command.h"
#include "cmd/travel/offer.h"
#include "machine/manage/moving.h"
#include "machine/wire/far.h"

struct moving {
	struct call *call;
	struct machine *machine; /* borrowed */
	struct target target;    /* owned */
	struct far far;
	struct offer offer;    /* owned */
	struct move_mark mark; /* as it is on the disk, or will be */
	int lock;              /* owned: of the move */
	uint64_t rate;         /* bytes a second; 0: no limit */
	struct stream_press press;
	char *settings;  /* owned: machine.conf as it was sent */
	char prefix[32]; /* of the snapshots of this move */
	char last[64];   /* newest snapshot that both sides have; "": none */
	int64_t took;    /* milliseconds of the last copy */
	bool copied;     /* this command has sent the last one, with the volumes */
};

/* move_connect.c: connects and agrees on the machine; phase: of our mark, or "abort". 0, -code or EXIT_USAGE. */
int move_connect(struct moving *moving, const char *phase, bool dry, struct err *err);

/* move_copy.c: sends copies of the running machine until one is short, or they get no shorter. 0 or -code. */
int move_copy(struct moving *moving, struct err *err);
/* move_copy.c: sends what the stopped machine has more than that. 0 or -code. */
int move_copy_last(struct moving *moving, struct err *err);
/* move_copy.c: the snapshots of this move go from this side, but for the one kept ("": none). */
void move_forget_copies(struct moving *moving, const char *kept);

/* move_plan.c: tells how long it would take, and changes nothing. 0 or -code. */
int move_plan(struct moving *moving, struct err *err);

/* move_abort.c: ends a move that has not been completed, so that the machine is this host's. 0 or -code. */
int move_abort(struct moving *moving, bool force, struct err *err);

#endif
