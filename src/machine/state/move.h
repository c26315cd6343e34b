/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mark of a machine that moves: the file "move" in its folder. It is on the disk before the step that it tells.
 * From one host to another, both hosts have one, so that at most one of them may start the machine at any time. From
 * one pool to another, the pool of machine.conf has the machine, and the mark names the other one.
 */
#ifndef BERTH_MACHINE_STATE_MOVE_H
#define BERTH_MACHINE_STATE_MOVE_H

#include "base/uuid.h"
#include "machine/state/machine.h"

#include <stdbool.h>
#include <stddef.h>

enum move_phase {
	MOVE_NONE,
	/* Phases of the sender. */
	MOVE_COPYING,  /* copies are sent while the machine goes on here */
	MOVE_STOPPING, /* the last one is sent: it may start here once the command has ended */
	/* Phases of a machine that changes its pool: pool_move.h. */
	MOVE_POOL_COPYING,   /* copies are made while the machine goes on */
	MOVE_POOL_STOPPING,  /* the last one is made: it may start once the command has ended */
	MOVE_POOL_SWITCHING, /* both pools have volumes of its name */
	/* Of the sender. */
	MOVE_HANDING, /* the other host was asked to take it over, and may have done so */
	MOVE_MOVED,   /* the other host has it */
	/* Phases of the receiver. */
	MOVE_ARRIVING, /* it belongs to the sender */
};

struct move_mark {
	enum move_phase phase;
	char token[UUID_TEXT]; /* of the whole move, the same on both hosts */
	char host[256]; /* the other one; with the user, as ssh takes it, on the sender's side */
	char name[64];  /* of the machine there */
	char pool[64],
		from_pool[64]; /* of a change of the pool: the new one, and the old one; else "" */
	char ssh[512]; /* commands of the sender's side, by which the next command reaches that host too; "": the usual */
	char berth[256];
	bool ran;             /* the machine ran, and is to run there */
	bool volumes_stay;    /* its volumes for data do not go with it */
	char boot[UUID_TEXT]; /* of the host, when it ran before a change of the pool; else "" */
};

/* Snapshots of a move have names that begin so, and no other is removed for it. */
#define MOVE_COPIES "moving-"

/* Whether the machine changes its pool, and not its host. */
bool move_is_of_pool(const struct move_mark *mark);

/* Reads the mark; without one its phase is MOVE_NONE. A mark that cannot be understood is an error, and not none. */
int move_read(const struct machine *machine, struct move_mark *mark, struct err *err);
/* Writes the mark durably. */
int move_write(const struct machine *machine, const struct move_mark *mark, struct err *err);
/* Notes that the machine ran, or not, in this boot of the host. */
void move_set_ran(struct move_mark *mark, bool ran);
/* Whether it ran, and the host has not booted since. */
bool move_ran_in_this_boot(const struct move_mark *mark);
/* Removes it durably. */
int move_drop(const struct machine *machine, struct err *err);

/* The lock of the command that moves it, as a descriptor, or -code. move_is_live: whether there is such a command. */
int move_lock(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err);
bool move_is_live(const struct machine *machine);

/*
 * Called under the machine's lock: refuses a start or a change of a machine that belongs to the other host, or that is
 * just being handed over. -EBUSY or -EREMOTE, in a sentence with the way out. Costs one open(2) without a mark.
 */
int move_check(const struct machine *machine, struct err *err);
/* The same for its deletion: what may be the only whole copy is deleted only with force. */
int move_check_delete(const struct machine *machine, bool force, struct err *err);

/*
 * One word for lists and JSON, or NULL: "copying", "stopping", "pool-copying", "pool-stopping", "pool-switching",
 * "handing-over", "moved", "arriving".
 */
const char *move_phase_name(enum move_phase phase);
/* A sentence for users who look; "" without a mark. */
void move_tell(const struct machine *machine, const struct move_mark *mark, char *out, size_t room);

#endif
