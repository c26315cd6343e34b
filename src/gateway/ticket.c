/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of tickets, in memory alone: they end with the program. */
#include "gateway/ticket.h"

#include <errno.h>
#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST = 22 }; /* of 16 bytes in base64 */

static void drop(struct ticket *ticket)
{
	free(ticket->user);
	free(ticket->attach);
	*ticket = (struct ticket){ 0 };
}

int tickets_keep(struct tickets *tickets, const char *id, const char *user, const char *attach,
		 int64_t now)
{
	struct ticket *place = NULL;
	size_t length = strlen(id);

	if (length < SHORTEST || length >= TICKET_ROOM)
		return -EINVAL;
	for (size_t i = 0; i < TICKETS; i++) {
		struct ticket *ticket = &tickets->all[i];
		if (*ticket->id && ticket->until <= now)
			drop(ticket);
		if (!*ticket->id)
			place = ticket;
	}
	if (!place)
		return -ENOSPC;
	place->user = strdup(user);
	place->attach = strdup(attach);
	if (!place->user || !place->attach) {
		drop(place);
		return -ENOMEM;
	}
	memcpy(place->id, id, length + 1);
	place->until = now + TICKET_MS;
	return 0;
}

char *tickets_take(struct tickets *tickets, const char *id, const char *user, int64_t now)
{
	char asked[TICKET_ROOM] = { 0 }, *attach = NULL;
	size_t length = strlen(id);

	if (length < SHORTEST || length >= TICKET_ROOM)
		return NULL;
	memcpy(asked, id, length);
	for (size_t i = 0; i < TICKETS; i++) {
		struct ticket *ticket = &tickets->all[i];
		/* In the same time for any other id. */
		if (!memeql_sec(ticket->id, asked, TICKET_ROOM))
			continue;
		if (ticket->until > now && strcmp(ticket->user, user) == 0) {
			attach = ticket->attach;
			ticket->attach = NULL;
		}
		drop(ticket);
	}
	return attach;
}
