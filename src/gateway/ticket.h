/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets: what the router lets a user attach to, for one WebSocket, once, within half a minute. Pure. */
#ifndef BERTH_GATEWAY_TICKET_H
#define BERTH_GATEWAY_TICKET_H

#include <stddef.h>
#include <stdint.h>

enum { TICKETS = 64, TICKET_MS = 30000, TICKET_ROOM = 64 };

struct ticket {
	char id[TICKET_ROOM]; /* "": the place is free */
	char *user;           /* owned */
	char *attach;         /* owned: JSON of the router */
	int64_t until;        /* milliseconds of the monotonic clock */
};

/* Zeroed: none. */
struct tickets {
	struct ticket all[TICKETS];
};

/* Keeps one. -EINVAL: its id is too short for a secret, or too long; -ENOSPC: there are too many; -ENOMEM. */
int tickets_keep(struct tickets *tickets, const char *id, const char *user, const char *attach,
		 int64_t now);
/*
 * Takes it out, whoever asks: one that somebody else knows is of no use any more. NULL: there is none of that user's;
 * or what it allows, which the caller owns.
 */
char *tickets_take(struct tickets *tickets, const char *id, const char *user, int64_t now);

#endif
