/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forwarder/proxy.h"

#include "base/clock.h"
#include "base/scoped.h"

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>

enum {
	EVENTS = 64,
	TICK_MS = 200,
	REST_MS = 500,
	TURNS = 16, /* connections that are taken from one socket in a row */
};

/* The keys of listening sockets begin where those of connections end. */
static uint64_t first_key(const struct proxy *proxy)
{
	return (uint64_t)proxy->most * SIDES;
}

/* And behind these is the parent's. */
static uint64_t ask_key(const struct proxy *proxy)
{
	return first_key(proxy) + proxy->listener_count;
}

static int watch_parent(const struct proxy *proxy)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = ask_key(proxy) };

	return proxy->ask < 0 || epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, proxy->ask, &event) == 0
		       ? 0
		       : -errno;
}

static int set_listening(struct proxy *proxy, bool on)
{
	for (size_t i = 0; i < proxy->listener_count; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u64 = first_key(proxy) + i };
		if (epoll_ctl(proxy->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
			      proxy->listeners[i].fd, &event) < 0)
			return -errno;
	}
	proxy->listening = on;
	return 0;
}

int proxy_begin(struct proxy *proxy, size_t most)
{
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	proxy->connections = calloc(most, sizeof *proxy->connections);
	if (proxy->epoll < 0 || !proxy->connections)
		return -errno;
	proxy->most = most;
	for (size_t i = most; i-- > 0;) {
		proxy->connections[i].next = proxy->unused;
		proxy->unused = &proxy->connections[i];
	}
	int r = watch_parent(proxy);
	return r < 0 ? r : set_listening(proxy, true);
}

/* Clients that the kernel keeps for later are not lost: they wait in its queue. */
static void take_clients(struct proxy *proxy, const struct listener *listener)
{
	for (int turn = 0; turn < TURNS && proxy->unused; turn++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			proxy_connection_begin(proxy, fd, listener->port);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			proxy->rest_until = clock_ms() + REST_MS;
			return;
		}
	}
}

/* 0 or -errno: it cannot go on. */
static int handle(struct proxy *proxy, uint64_t key)
{
	if (key == ask_key(proxy))
		return proxy_connections_answered(proxy);
	if (key >= first_key(proxy))
		take_clients(proxy, &proxy->listeners[key - first_key(proxy)]);
	else
		proxy_connection_event(proxy, &proxy->connections[key / SIDES],
				       (enum side)(key % SIDES));
	return 0;
}

static void tick(struct proxy *proxy)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < proxy->most && proxy->connecting; i++)
		proxy_connection_tick(proxy, &proxy->connections[i], now);
	if (proxy->rest_until && now >= proxy->rest_until)
		proxy->rest_until = 0;
}

/* Whether the lock is not as it should be. Its only other holder looks at it for a moment, so that it is tried again. */
static bool lacks_lock(const struct proxy *proxy)
{
	return proxy->use >= 0 && proxy->used != (proxy->count > 0);
}

static void settle_lock(struct proxy *proxy)
{
	if (lacks_lock(proxy) &&
	    flock(proxy->use, proxy->count > 0 ? LOCK_SH | LOCK_NB : LOCK_UN) == 0)
		proxy->used = proxy->count > 0;
}

/* The slots of dead connections are free for new ones only now, when no event of theirs is left. */
static int settle(struct proxy *proxy)
{
	for (struct proxy_connection *dead; (dead = proxy->dead);) {
		proxy->dead = dead->next;
		dead->state = CONNECTION_UNUSED;
		dead->next = proxy->unused;
		proxy->unused = dead;
	}
	settle_lock(proxy);
	bool wanted = proxy->unused && !proxy->rest_until;
	return wanted == proxy->listening ? 0 : set_listening(proxy, wanted);
}

int proxy_run(struct proxy *proxy)
{
	struct epoll_event events[EVENTS];
	int64_t next_tick = 0;
	int r = 0;

	while (r == 0) {
		bool timed = proxy->connecting || proxy->rest_until || lacks_lock(proxy);
		int n = epoll_wait(proxy->epoll, events, EVENTS, timed ? TICK_MS : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && r == 0; i++)
			r = handle(proxy, events[i].data.u64);
		if (timed && clock_ms() >= next_tick) {
			tick(proxy);
			next_tick = clock_ms() + TICK_MS;
		}
		if (r == 0)
			r = settle(proxy);
	}
	return r;
}
