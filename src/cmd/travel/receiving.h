/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts that the receiving side of a send and that of a move share: the sender's first words, the offer, the
 * stream.
 */
#ifndef BERTH_CMD_TRAVEL_RECEIVING_H
#define BERTH_CMD_TRAVEL_RECEIVING_H

#include "base/uuid.h"
#include "cmd/cli/common.h"
#include "machine/manage/travel.h"
#include "machine/wire/wire.h"

extern const struct flag flag_receive_force, flag_receive_trust;

/* The first words of the sender. */
struct greeting {
	char uuid[UUID_TEXT];
	char name[64];             /* of the machine there */
	char to[64];               /* the name that it is to have here; "": that of the sender */
	char prefix[64], kept[64]; /* snapshots of earlier sends begin so; the one that comes */
	struct text settings;      /* owned: its machine.conf; "": not told */
	struct text volumes;       /* owned: those that come with it, as in struct stream_head */
	/* The fields of a move. */
	char move[UUID_TEXT]; /* its token; "": it is a send */
	char host[256];       /* the sender's name */
	char phase[32];       /* of the sender's mark */
	char size[32];        /* bytes of its contents; "": not known */
	char dry[8];          /* "yes": nothing is changed */
	char detached[8];     /* "yes": its volumes stay with the sender */
	char resume[8]; /* of a send: "yes": it can go on behind a part; "anew": it does not */
};
/* wire: of standard input. 0 or -code; greeting_free in any case. */
int receiving_greeting(struct wire *wire, struct greeting *greeting, struct err *err);
void greeting_free(struct greeting *greeting);

/* The name that the machine has or gets here. *there: it is the sender's machine, which can be brought up to date. */
int receiving_name(const struct dirs *dirs, const struct greeting *greeting, char name[64],
		   bool *there, struct err *err);

/* Prints the contents of its snapshots, and of those of its volumes, a line each. */
int receiving_offer(const struct dirs *dirs, const char *name, struct err *err);

/* Prints how far an earlier stream of that machine has come. pool: of a new machine; NULL: it is here. */
int receiving_offer_part(const struct dirs *dirs, const struct greeting *greeting, const char *name,
			 const char *pool, struct err *err);

/* Refuses settings and a pool that differ from those of a machine that is here. */
int receiving_check_kept(const struct call *call, const struct words *words, const char *name,
			 struct err *err);

/*
 * Makes the machine of the stream on standard input, or brings it up to date, and prints the answer. spec->fd is set
 * here.
 */
int receiving_stream(struct call *call, struct import_spec *spec, bool framed, struct err *err);

/* Snapshots whose names begin with prefix go, but for the one kept ("": none): they are no bases any more. */
void receiving_drop(const struct dirs *dirs, const char *name, const char *prefix,
		    const char *kept);

/* receive_move.c: the whole session of a move. 0 or -code. */
int receive_move(struct call *call, const struct greeting *greeting, struct wire *wire,
		 struct err *err);

#endif
