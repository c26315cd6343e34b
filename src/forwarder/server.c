/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forwarder/server.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 64,
	TICK_MS = 200,
	REST_MS = 500,
	TURNS = 16, /* connections that are taken from one socket in a row */
};

/* The keys of listening sockets begin where those of connections end. */
static uint64_t first_key(const struct server *server)
{
	return (uint64_t)server->most * SIDES;
}

static int set_listening(struct server *server, bool on)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u64 = first_key(server) + i };
		if (epoll_ctl(server->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
			      server->listeners[i].fd, &event) < 0)
			return -errno;
	}
	server->listening = on;
	return 0;
}

int server_begin(struct server *server, size_t most)
{
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->connections = calloc(most, sizeof *server->connections);
	if (server->epoll < 0 || !server->connections)
		return -errno;
	server->most = most;
	for (size_t i = most; i-- > 0;) {
		server->connections[i].next = server->unused;
		server->unused = &server->connections[i];
	}
	return set_listening(server, true);
}

/* Clients that the kernel keeps for later are not lost: they wait in its queue. */
static void take_clients(struct server *server, const struct listener *listener)
{
	for (int turn = 0; turn < TURNS && server->unused; turn++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			connection_begin(server, fd, listener->port);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			server->rest_until = clock_ms() + REST_MS;
			return;
		}
	}
}

static void handle(struct server *server, uint64_t key)
{
	if (key >= first_key(server))
		take_clients(server, &server->listeners[key - first_key(server)]);
	else
		connection_event(server, &server->connections[key / SIDES],
				 (enum side)(key % SIDES));
}

static void tick(struct server *server)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < server->most && server->connecting; i++)
		connection_tick(server, &server->connections[i], now);
	if (server->rest_until && now >= server->rest_until)
		server->rest_until = 0;
}

/* The slots of dead connections are free for new ones only now, when no event of theirs is left. */
static int settle(struct server *server)
{
	for (struct connection *dead; (dead = server->dead);) {
		server->dead = dead->next;
		dead->state = CONNECTION_UNUSED;
		dead->next = server->unused;
		server->unused = dead;
	}
	bool wanted = server->unused && !server->rest_until;
	return wanted == server->listening ? 0 : set_listening(server, wanted);
}

int server_run(struct server *server)
{
	struct epoll_event events[EVENTS];
	int64_t next_tick = 0;
	int r = 0;

	while (r == 0) {
		bool timed = server->connecting || server->rest_until;
		int n = epoll_wait(server->epoll, events, EVENTS, timed ? TICK_MS : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			handle(server, events[i].data.u64);
		if (timed && clock_ms() >= next_tick) {
			tick(server);
			next_tick = clock_ms() + TICK_MS;
		}
		r = settle(server);
	}
	return r;
}
