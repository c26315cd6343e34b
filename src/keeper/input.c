/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input that clients type at the console. The keeper holds it for each client while the line discipline has no room,
 * and gives it to the guest in the order in which the clients came. requests.c reads it from the clients.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Bytes that the line discipline took; 0: it has no room now. */
static size_t type_some(struct keeper *keeper, const char *data, size_t n)
{
	size_t taken = 0;

	while (taken < n) {
		ssize_t done = write(keeper->console.fd, data + taken, n - taken);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno != EAGAIN)
			return n; /* there is no console to type at */
		if (done <= 0)
			break;
		taken += (size_t)done;
	}
	return taken;
}

struct client *input_next(struct keeper *keeper)
{
	struct client *first = NULL;

	for (struct client *c = keeper->clients; c; c = c->next) {
		if (client_has_typed(c) && (!first || c->turn < first->turn))
			first = c;
	}
	return first;
}

/* The console reports room only while some input is held. */
void input_watch_console(struct keeper *keeper)
{
	event_loop_change(keeper, &keeper->console,
			  EPOLLIN | EPOLLET | (input_next(keeper) ? EPOLLOUT : 0u));
}

static void queue_typed(struct keeper *keeper, struct client *client, const char *data, size_t n)
{
	if (!client->typed)
		client->typed = malloc(PROTOCOL_DATA);
	if (!client->typed)
		return;
	memcpy(client->typed, data, n);
	client->typed_at = 0;
	client->typed_end = n;
	client_watch(keeper, client);
	input_watch_console(keeper);
}

void input_write(struct keeper *keeper, struct client *client, const char *data, size_t n)
{
	const struct client *first = input_next(keeper);
	bool waits = first && first->turn < client->turn;
	size_t taken = waits ? 0 : type_some(keeper, data, n);

	if (taken < n)
		queue_typed(keeper, client, data + taken, n - taken);
}

bool input_give(struct keeper *keeper, struct client *client)
{
	client->typed_at += type_some(keeper, client->typed + client->typed_at,
				      client->typed_end - client->typed_at);
	if (client_has_typed(client))
		return false;
	client_watch(keeper, client);
	return true;
}

void input_forget(struct keeper *keeper)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		c->typed_at = c->typed_end;
		client_watch(keeper, c);
	}
}
