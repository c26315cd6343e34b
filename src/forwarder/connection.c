/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection: of a client to the host, and of the host to the machine. */
#include "base/clock.h"
#include "base/scoped.h"
#include "forwarder/demand.h"
#include "forwarder/proxy.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	CONNECT_MS = 10000,
	/* A start waits for other commands. */
	WAKE_MS = 150000,
	/* A peer that has vanished is noticed after about ten minutes. */
	ALIVE_IDLE = 300,
	ALIVE_EVERY = 60,
	ALIVE_TIMES = 5,
};

/* ---- Sockets */

static void set_option(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

static void set_options(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, ALIVE_IDLE);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, ALIVE_EVERY);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, ALIVE_TIMES);
}

static uint64_t key_of(const struct proxy *proxy, const struct proxy_connection *connection,
		       enum side side)
{
	return (uint64_t)(connection - proxy->connections) * SIDES + side;
}

/* The kernel reports errors also of a socket that is watched for nothing. 0 or -errno. */
static int watch(struct proxy *proxy, struct proxy_connection *connection, enum side side,
		 uint32_t events)
{
	struct epoll_event event = { .events = events,
				     .data.u64 = key_of(proxy, connection, side) };

	if (connection->watched[side] && connection->events[side] == events)
		return 0;
	if (epoll_ctl(proxy->epoll, connection->watched[side] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		      connection->fds[side], &event) < 0)
		return -errno;
	connection->watched[side] = true;
	connection->events[side] = events;
	return 0;
}

static void unwatch(struct proxy *proxy, struct proxy_connection *connection, enum side side)
{
	if (connection->watched[side])
		epoll_ctl(proxy->epoll, EPOLL_CTL_DEL, connection->fds[side], NULL);
	connection->watched[side] = false;
}

/* reset: the peer learns that the connection has failed, and does not take it for the end of what was sent. */
static void end_socket(struct proxy *proxy, struct proxy_connection *connection, enum side side,
		       bool reset)
{
	const struct linger none = { .l_onoff = 1 };

	if (connection->fds[side] < 0)
		return;
	unwatch(proxy, connection, side);
	if (reset)
		(void)setsockopt(connection->fds[side], SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(connection->fds[side]);
	connection->fds[side] = -1;
}

/* Whether it is not open yet, and so has a time limit. */
static bool is_on_its_way(const struct proxy_connection *connection)
{
	return connection->state == CONNECTION_ASKING ||
	       connection->state == CONNECTION_CONNECTING ||
	       connection->state == CONNECTION_RESTING;
}

static void end(struct proxy *proxy, struct proxy_connection *connection, bool reset)
{
	if (is_on_its_way(connection))
		proxy->connecting--;
	proxy->count--;
	for (enum side side = CLIENT; side < SIDES; side++) {
		end_socket(proxy, connection, side, reset);
		flow_free(&connection->flows[side], &proxy->pipes);
	}
	connection->state = CONNECTION_DEAD;
	connection->next = proxy->dead;
	proxy->dead = connection;
}

/* ---- Bytes */

/* A side is read only while nothing waits for the other one, and a side that is not watched keeps no processor busy. */
static int watch_flows(struct proxy *proxy, struct proxy_connection *connection)
{
	for (enum side side = CLIENT; side < SIDES; side++) {
		const struct flow *in = &connection->flows[side];
		const struct flow *out = &connection->flows[!side];
		uint32_t events = (in->held == 0 && !in->ended ? EPOLLIN : 0) |
				  (out->held > 0 ? EPOLLOUT : 0);
		int r = events ? watch(proxy, connection, side, events) : 0;
		if (r < 0)
			return r;
		if (!events)
			unwatch(proxy, connection, side);
	}
	return 0;
}

static void pump(struct proxy *proxy, struct proxy_connection *connection)
{
	struct flow *flows = connection->flows;
	const int *fds = connection->fds;

	if (flow_pump(&flows[CLIENT], fds[CLIENT], fds[GUEST], &proxy->pipes) < 0 ||
	    flow_pump(&flows[GUEST], fds[GUEST], fds[CLIENT], &proxy->pipes) < 0)
		end(proxy, connection, true);
	else if (flows[CLIENT].closed && flows[GUEST].closed)
		end(proxy, connection, false);
	else if (watch_flows(proxy, connection) < 0)
		end(proxy, connection, true);
}

/* ---- The way to the machine */

static int begin_connect(struct proxy *proxy, struct proxy_connection *connection, bool six)
{
	struct sockaddr_in four_name = { .sin_family = AF_INET,
					 .sin_port = htons(connection->port),
					 .sin_addr = proxy->address };
	struct sockaddr_in6 six_name = { .sin6_family = AF_INET6,
					 .sin6_port = htons(connection->port),
					 .sin6_addr = proxy->address6 };
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	set_options(fd);
	connection->fds[GUEST] = fd;
	connection->until = clock_ms() + CONNECT_MS;
	if (connect(fd, six ? (struct sockaddr *)&six_name : (struct sockaddr *)&four_name,
		    six ? sizeof six_name : sizeof four_name) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return watch(proxy, connection, GUEST, EPOLLOUT);
}

/* The machine may listen on one family only, so that the client's is tried first, and then the other. */
static void connect_next(struct proxy *proxy, struct proxy_connection *connection)
{
	connection->state = CONNECTION_CONNECTING;
	while (connection->tries < (proxy->ipv6 ? 2 : 1)) {
		bool six = proxy->ipv6 && connection->six == (connection->tries == 0);
		connection->tries++;
		if (begin_connect(proxy, connection, six) == 0)
			return;
		end_socket(proxy, connection, GUEST, true);
	}
	connection->tries = 0;
	if (clock_ms() < connection->fresh_until)
		connection->state = CONNECTION_RESTING;
	else
		end(proxy, connection, true);
}

/* The socket is new: it has room for all of the header. */
static bool send_header(const struct proxy *proxy, const struct proxy_connection *connection)
{
	unsigned char header[HEADER_MAX];

	if (!proxy->header)
		return true;
	size_t n = header_make(connection->fds[CLIENT], header);
	return n > 0 && send(connection->fds[GUEST], header, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void look_at_connect(struct proxy *proxy, struct proxy_connection *connection)
{
	int code = 0;
	socklen_t size = sizeof code;

	if (getsockopt(connection->fds[GUEST], SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code) {
		end_socket(proxy, connection, GUEST, true);
		connect_next(proxy, connection);
		return;
	}
	proxy->connecting--;
	connection->state = CONNECTION_OPEN;
	if (send_header(proxy, connection))
		pump(proxy, connection);
	else
		end(proxy, connection, true);
}

/* ---- A machine that sleeps */

/* One question stands for all connections. */
static void ask(struct proxy *proxy, struct proxy_connection *connection)
{
	connection->until = clock_ms() + WAKE_MS;
	if (!proxy->asked && demand_ask(proxy->ask) < 0)
		end(proxy, connection, true);
	else
		proxy->asked = true;
}

/* The lock came with the descriptor. */
static void take_use(struct proxy *proxy, int use)
{
	scoped_close_fd(&proxy->use);
	proxy->use = use;
	proxy->used = use >= 0;
}

int proxy_connections_answered(struct proxy *proxy)
{
	struct demand_answer answer = { 0 };
	int use, r = demand_take(proxy->ask, &answer, &use);

	if (r < 0)
		return r == -EAGAIN || r == -EINTR ? 0 : r;
	proxy->asked = false;
	if (answer.code == 0) {
		take_use(proxy, use);
		proxy->address = answer.address;
		proxy->address6 = answer.address6;
		proxy->ipv6 = answer.ipv6;
	}
	for (size_t i = 0; i < proxy->most; i++) {
		struct proxy_connection *connection = &proxy->connections[i];
		enum proxy_connection_state state = connection->state;
		/* A start may fail after the machine was there: what waits for a port waits for nothing. */
		if (answer.code && (state == CONNECTION_ASKING || state == CONNECTION_RESTING ||
				    (state == CONNECTION_CONNECTING && connection->fresh_until)))
			end(proxy, connection, true);
		if (answer.code || state != CONNECTION_ASKING)
			continue;
		connection->fresh_until = answer.fresh_ms ? clock_ms() + answer.fresh_ms : 0;
		connect_next(proxy, connection);
	}
	return 0;
}

/* ---- Life */

bool proxy_connection_begin(struct proxy *proxy, int client, uint16_t port)
{
	struct proxy_connection *connection = proxy->unused;
	struct sockaddr name = { 0 };
	socklen_t size = sizeof name;

	if (!connection)
		return false;
	proxy->unused = connection->next;
	*connection = (struct proxy_connection){
		.state = proxy->ask >= 0 ? CONNECTION_ASKING : CONNECTION_CONNECTING,
		.fds = { client, -1 },
		.port = port,
		.six = getsockname(client, &name, &size) == 0 && name.sa_family == AF_INET6,
	};
	proxy->connecting++;
	proxy->count++;
	set_options(client);
	/* A client that gives up meanwhile is noticed. */
	if (watch(proxy, connection, CLIENT, 0) < 0)
		end(proxy, connection, true);
	else if (proxy->ask >= 0)
		ask(proxy, connection);
	else
		connect_next(proxy, connection);
	return true;
}

void proxy_connection_event(struct proxy *proxy, struct proxy_connection *connection,
			    enum side side)
{
	if (connection->state == CONNECTION_OPEN)
		pump(proxy, connection);
	else if (connection->state == CONNECTION_CONNECTING && side == GUEST)
		look_at_connect(proxy, connection);
	else if (is_on_its_way(connection))
		end(proxy, connection, true);
}

void proxy_connection_tick(struct proxy *proxy, struct proxy_connection *connection, int64_t now)
{
	if (connection->state == CONNECTION_RESTING)
		connect_next(proxy, connection);
	else if (is_on_its_way(connection) && now >= connection->until)
		end(proxy, connection, true);
}
