/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of connections. */
#include "gateway/connection.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/socket.h>

struct connection *connection_new(struct gateway *gateway, int fd, bool local)
{
	struct connection *connection = calloc(1, sizeof *connection);

	if (!connection)
		return NULL;
	*connection = (struct connection){ .gateway = gateway, .fd = fd, .local = local };
	connection->next = gateway->connections;
	gateway->connections = connection;
	connection_waits(connection);
	return connection;
}

void connection_works(struct connection *connection)
{
	connection->deadline = 0;
}

void connection_waits(struct connection *connection)
{
	if (connection->gateway->draining) {
		connection_cut(connection);
		return;
	}
	/* All of the head, and not the time since its last byte: a byte now and then holds no connection. */
	connection->deadline = clock_ms() + (int64_t)connection->gateway->limits.head * 1000;
}

void connection_cut(struct connection *connection)
{
	shutdown(connection->fd, SHUT_RDWR);
	connection->deadline = 0;
}

void connection_drain(struct gateway *gateway)
{
	for (struct connection *connection = gateway->connections; connection;
	     connection = connection->next)
		if (connection->deadline)
			connection_cut(connection);
}

void connection_end(struct connection *connection)
{
	for (struct connection **at = &connection->gateway->connections; *at; at = &(*at)->next)
		if (*at == connection) {
			*at = connection->next;
			break;
		}
	free(connection);
}

void connection_tick(struct gateway *gateway, int64_t now, int64_t *next)
{
	for (struct connection *connection = gateway->connections; connection;
	     connection = connection->next) {
		if (connection->deadline && connection->deadline <= now)
			connection_cut(connection);
		gateway_sooner(next, connection->deadline);
	}
}
