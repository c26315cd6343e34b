/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clients that are connected to the control socket, and what they are sent.
 * What they ask for is served in requests.c; what they type is held in input.c.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { GONE_MAX = 8 };

void client_drop(struct keeper *keeper, struct client *client)
{
	struct client **link = &keeper->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	event_loop_close(keeper, &client->source);
	free(client->typed);
	free(client);
	if (keeper->deaf) {
		keeper->deaf = false;
		event_loop_watch(keeper, &keeper->control, EPOLLIN);
	}
}

void client_say(struct client *client, enum protocol_type type, uint32_t value, const char *text)
{
	protocol_send(client->source.fd, type, value, text, strlen(text), -1);
}

bool client_has_gone(struct client *client)
{
	struct pollfd state = { .fd = client->source.fd };

	client->gone = client->gone || (poll(&state, 1, 0) > 0 && (state.revents & POLLHUP));
	return client->gone;
}

/*
 * A held client is not read from, so that its socket fills up and makes it wait. epoll reports a hang-up whatever it is
 * asked for: at the edge, or it would report it for ever.
 */
void client_watch(struct keeper *keeper, struct client *client)
{
	uint32_t more = client_has_typed(client) ? EPOLLET : EPOLLIN;

	event_loop_change(keeper, &client->source, more | (client->blocked ? EPOLLOUT : 0u));
}

static void wait_for_room(struct keeper *keeper, struct client *client, bool blocked)
{
	client->blocked = blocked;
	client_watch(keeper, client);
}

/* A slow reader loses the oldest output; nobody else waits for it. */
void client_send_output(struct keeper *keeper, struct client *client)
{
	const char *data;
	size_t n;

	while ((n = ring_peek(&keeper->ring, &client->place, &data)) > 0) {
		if (n > PROTOCOL_DATA)
			n = PROTOCOL_DATA;
		int r = protocol_send(client->source.fd, SAY_OUTPUT, 0, data, n, -1);
		if (r == -EAGAIN) {
			if (!client->blocked)
				wait_for_room(keeper, client, true);
			return;
		}
		if (r < 0)
			return;
		client->place += n;
	}
	if (client->blocked)
		wait_for_room(keeper, client, false);
}

void clients_send_output(struct keeper *keeper)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_CONSOLE && !c->blocked)
			client_send_output(keeper, c);
	}
}

void clients_tell(struct keeper *keeper, enum protocol_type type)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (type == SAY_ENDED && c->role != CLIENT_NEW && c->role != CLIENT_ENTERS)
			client_say(c, SAY_ENDED, keeper->ended, keeper->how);
		else if (type == SAY_BOOTED && c->role == CLIENT_WAITS_BOOT)
			client_say(c, SAY_BOOTED, 0, "");
	}
}

/* A client that brought a process into the guest ends it then: init would wait for that process. */
void clients_tell_halting(struct keeper *keeper, unsigned seconds)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_ENTERS)
			client_say(c, SAY_HALTING, seconds, "");
	}
}

struct client *clients_writer(struct keeper *keeper)
{
	struct client *c = keeper->clients;

	while (c && (!c->writer || c->gone))
		c = c->next;
	return c;
}

void clients_forget_gone(struct keeper *keeper)
{
	struct client *oldest = NULL;
	int count = 0;

	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->gone) {
			oldest = c;
			count++;
		}
	}
	if (count > GONE_MAX)
		client_drop(keeper, oldest);
}

void clients_close(struct keeper *keeper)
{
	while (keeper->clients)
		client_drop(keeper, keeper->clients);
}
