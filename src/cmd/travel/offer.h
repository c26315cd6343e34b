/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first words between the two sides of a send: which machine comes, and what the other side has of it. By them the
 * sender chooses the snapshot that it builds on.
 */
#ifndef BERTH_CMD_TRAVEL_OFFER_H
#define BERTH_CMD_TRAVEL_OFFER_H

#include "base/uuid.h"
#include "machine/state/machine.h"
#include "machine/wire/far.h"
#include "stream/format.h"

/* The machine as the other side has it. */
struct offer {
	bool there;    /* the machine is there */
	char name[64]; /* of the machine there, existing or new, as the other side says */
	char (*contents)[UUID_TEXT]; /* owned: of snapshots that are there */
	size_t count;
	char (*volumes_there)[UUID_TEXT]; /* owned: of the machine's volumes that are there */
	size_t volumes_there_count;
	/* The fields of a move. */
	char state[16]; /* "absent", "here", "arriving" or "leaving" */
	bool runs;
	char token[UUID_TEXT]; /* of the move that it is in; "": none */
	/* The fields of a send: what of an earlier one has stayed there. */
	bool parts;                       /* it keeps parts at all */
	bool busy;                        /* another receiver is still at work on it */
	char plan[SHA256_HEX + 1];        /* of that stream; "": there is none */
	char sum[SHA256_HEX + 1];         /* of the last part */
	char point[STREAM_POINT_MAX + 1]; /* behind it; "": between volumes */
	uint64_t volumes, bytes;
};
void offer_free(struct offer *offer);
#define scoped_offer __attribute__((cleanup(offer_free)))

/* Tells which machine comes, with its settings. more: further lines, borrowed. 0 or -code. */
int offer_ask(const struct far *far, const struct machine *machine, const char *wanted,
	      const char *more, struct err *err);
int offer_read(struct far *far, struct offer *offer, struct err *err);
/* Adds the lines of volumes that come, of a list as in struct stream_head. */
void offer_add_volumes(const struct text *volumes, struct text *more);

/* Whether the other side has contents, or a volume of the machine, with that uuid. */
bool offer_has(const struct offer *offer, const char *content);
bool offer_has_volume(const struct offer *offer, const char *uuid);

/*
 * Finds the newest snapshot that both sides have, before the snapshot `until` (NULL: of all); "": there is none.
 * Whether the other side has `until` too. 1: it has; 0; or -code.
 */
int offer_base(const struct offer *offer, struct machine *machine, const char *until,
	       char since[64], struct err *err);

#endif
