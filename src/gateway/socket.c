/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two directions of a WebSocket, and its end. */
#include "gateway/socket.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "gateway/attach_start.h"
#include "gateway/saying.h"
#include "gateway/terminal.h"
#include "gateway/watch.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	PIECE = 16 << 10,
	ROOM = PIECE + 4096, /* a piece, and frames about it */
	WISH = 4096,         /* bytes of a message of text */
	PING_MS = 30000,     /* of silence, after which a client is asked */
	CLOSE_MS = 5000,     /* for a client to answer a close, and for a child to end */
};

struct web_socket {
	struct gateway *gateway;
	struct web_socket *next;
	struct attach attach;
	struct process process;
	struct streams streams;
	struct saying saying;                  /* of a child whose errors are no channel */
	struct MHD_UpgradeResponseHandle *urh; /* NULL: the client's part is over */
	struct watch client, watches[3];       /* watches of the streams' near ends */
	struct websocket reader;
	unsigned char in[PIECE], out[ROOM]; /* from the client, to the client */
	size_t in_start, in_end, out_start, out_end;
	const unsigned char *pending; /* of in: what the child has not taken yet */
	size_t pending_length;
	bool inside, ends_input; /* a message has begun; it was empty so far */
	char wish[WISH];
	size_t wish_length;
	bool local;  /* the kernel has told who the user is */
	bool deaf;   /* nothing more is read from the client */
	bool closed; /* a close was sent, or cannot be */
	bool asked;  /* a ping was sent, and nothing has come since */
	int64_t heard, stalled,
		deadline; /* last sign of life; since when out is full; of the end */
};

static void go(struct web_socket *socket);

static void put(struct web_socket *socket, enum websocket_opcode opcode, const void *bytes,
		size_t length)
{
	unsigned char head[WEBSOCKET_HEAD];
	size_t n = websocket_head(head, opcode, length);

	/* Room is left for what ends it; a client that asks and does not read gets no further answer. */
	if (socket->closed ||
	    socket->out_end + n + length > ROOM - (opcode == WEBSOCKET_PONG ? 1024 : 0))
		return;
	if (socket->out_start == socket->out_end)
		socket->stalled = clock_ms();
	memcpy(socket->out + socket->out_end, head, n);
	memcpy(socket->out + socket->out_end + n, bytes, length);
	socket->out_end += n + length;
}

static void close_stream(struct web_socket *socket, int i)
{
	watch_drop(socket->gateway->epoll, &socket->watches[i]);
	scoped_close_fd(&socket->streams.near[i]);
}

/* The child loses its terminal, or its input, and is told to end. */
static void hang_up(struct web_socket *socket)
{
	for (int i = 0; i < 3; i++)
		close_stream(socket, i);
	process_signal(&socket->process, SIGHUP);
	if (socket->process.pid > 0)
		socket->deadline = clock_ms() + CLOSE_MS;
}

static void say_close(struct web_socket *socket, unsigned cause)
{
	unsigned char bytes[2] = { (unsigned char)(cause >> 8), (unsigned char)cause };

	put(socket, WEBSOCKET_CLOSE, bytes, cause == WEBSOCKET_NO_CAUSE ? 0 : sizeof bytes);
	socket->closed = true;
	socket->deadline = clock_ms() + CLOSE_MS;
}

/* The client's part is over: libmicrohttpd closes the connection. */
static void let_go(struct web_socket *socket)
{
	if (!socket->urh)
		return;
	socket->deaf = socket->closed = true;
	watch_drop(socket->gateway->epoll, &socket->client);
	shutdown(socket->client.fd, SHUT_RDWR);
	MHD_upgrade_action(socket->urh, MHD_UPGRADE_ACTION_CLOSE);
	socket->urh = NULL;
	socket->gateway->resumed = true;
	hang_up(socket);
}

static void free_if_done(struct web_socket *socket)
{
	if (socket->urh || socket->process.pid > 0)
		return;
	for (struct web_socket **at = &socket->gateway->sockets; *at; at = &(*at)->next)
		if (*at == socket) {
			*at = socket->next;
			break;
		}
	for (int i = 0; i < 3; i++)
		close_stream(socket, i);
	attach_free(&socket->attach);
	free(socket);
}

static void take_wish(struct web_socket *socket)
{
	struct attach_wish wish;

	if (attach_wish(&wish, socket->wish, socket->wish_length) < 0) {
		put(socket, WEBSOCKET_TEXT, attach_no_wish, strlen(attach_no_wish));
		return;
	}
	if (wish.columns && socket->attach.terminal)
		streams_resize(&socket->streams, wish.columns, wish.rows);
	if (wish.signal)
		process_signal(&socket->process, wish.signal);
}

static void take_text(struct web_socket *socket, const struct websocket_event *event)
{
	if (socket->wish_length + event->length > WISH) {
		socket->deaf = true;
		say_close(socket, WEBSOCKET_TOO_BIG);
		hang_up(socket);
		return;
	}
	memcpy(socket->wish + socket->wish_length, event->data, event->length);
	socket->wish_length += event->length;
	if (!event->last)
		return;
	take_wish(socket);
	socket->wish_length = 0;
}

/* Bytes for the child. Without a terminal a message begins with its channel, 0, behind which nothing is the end. */
static void take_data(struct web_socket *socket, const struct websocket_event *event)
{
	bool channels = !socket->attach.terminal && !socket->attach.raw, begins = !socket->inside;
	const unsigned char *data = event->data;
	size_t length = event->length;

	socket->inside = !event->last;
	if (channels && begins && length > 0) {
		if (*data != 0) {
			socket->deaf = true;
			say_close(socket, WEBSOCKET_PROTOCOL);
			hang_up(socket);
			return;
		}
		socket->ends_input = true;
		data++;
		length--;
	}
	if (length > 0)
		socket->ends_input = false;
	socket->pending = data;
	socket->pending_length = length;
	if (event->last && socket->ends_input) {
		socket->ends_input = false;
		close_stream(socket, 0);
	}
}

static void take_event(struct web_socket *socket, const struct websocket_event *event)
{
	switch (event->kind) {
	case WEBSOCKET_NOTHING:
	case WEBSOCKET_ANSWERS:
		break;
	case WEBSOCKET_DATA:
		if (event->text)
			take_text(socket, event);
		else
			take_data(socket, event);
		break;
	case WEBSOCKET_ASKS:
		put(socket, WEBSOCKET_PONG, event->data, event->length);
		break;
	case WEBSOCKET_ENDS:
	case WEBSOCKET_FAULT:
		socket->deaf = true;
		if (!socket->closed)
			say_close(socket, event->cause);
		hang_up(socket);
		break;
	}
}

/* Gives the child some of what is pending. False: it takes nothing now, and is watched. */
static bool feed_child(struct web_socket *socket)
{
	ssize_t n = socket->streams.near[0] < 0 ? -1
						: write(socket->streams.near[0], socket->pending,
							socket->pending_length);

	if (n < 0 && socket->streams.near[0] >= 0 && (errno == EAGAIN || errno == EINTR)) {
		watch_arm(socket->gateway->epoll, &socket->watches[0], EPOLLOUT);
		return false;
	}
	if (n < 0) {
		/* It reads no more; the client may still read. */
		close_stream(socket, 0);
		n = (ssize_t)socket->pending_length;
	}
	socket->pending += n;
	socket->pending_length -= (size_t)n;
	return true;
}

/* Client to child, until one of both has no more. */
static void go_in(struct web_socket *socket)
{
	while (!socket->deaf) {
		if (socket->pending_length > 0) {
			if (!feed_child(socket))
				return;
			continue;
		}
		if (socket->in_start == socket->in_end) {
			ssize_t n = recv(socket->client.fd, socket->in, sizeof socket->in,
					 MSG_DONTWAIT);
			if (n < 0 && (errno == EAGAIN || errno == EINTR))
				return;
			if (n <= 0) {
				let_go(socket);
				return;
			}
			socket->heard = clock_ms();
			socket->asked = false;
			socket->in_start = 0;
			socket->in_end = (size_t)n;
		}
		struct websocket_event event;
		socket->in_start += websocket_read(&socket->reader, socket->in + socket->in_start,
						   socket->in_end - socket->in_start, &event);
		take_event(socket, &event);
	}
}

/* Reads one of the child's streams into a frame. */
static void read_stream(struct web_socket *socket, int i)
{
	unsigned char bytes[PIECE];
	bool channels = !socket->attach.terminal && !socket->attach.raw;

	if (socket->streams.near[i] < 0 || socket->out_start < socket->out_end)
		return;
	bytes[0] = (unsigned char)i;
	ssize_t n = read(socket->streams.near[i], bytes + channels, sizeof bytes - channels);
	if (n > 0 && i == 2 && socket->attach.raw) {
		for (ssize_t at = 0; at < n; at++)
			if (saying_ends_json(&socket->saying, (char)bytes[at])) {
				put(socket, WEBSOCKET_TEXT, socket->saying.line,
				    socket->saying.length);
				socket->saying = (struct saying){ 0 };
			}
		watch_arm(socket->gateway->epoll, &socket->watches[i], EPOLLIN);
	} else if (n > 0) {
		put(socket, WEBSOCKET_BINARY, bytes, (size_t)n + channels);
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR) && socket->process.pid > 0) {
		watch_arm(socket->gateway->epoll, &socket->watches[i], EPOLLIN);
	} else {
		close_stream(socket, i);
	}
}

/* The child has ended, and all that it said is on its way. */
static void tell_end(struct web_socket *socket)
{
	int status = socket->process.status;
	scoped_free char *text =
		saying_end(&socket->saying,
			   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));

	if (text)
		put(socket, WEBSOCKET_TEXT, text, strlen(text));
	say_close(socket, WEBSOCKET_NORMAL);
}

static bool flush(struct web_socket *socket)
{
	while (socket->out_start < socket->out_end) {
		ssize_t n = send(socket->client.fd, socket->out + socket->out_start,
				 socket->out_end - socket->out_start, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0)
			return false;
		socket->out_start += (size_t)n;
		socket->stalled = clock_ms();
	}
	socket->out_start = socket->out_end = 0;
	return true;
}

/* Child to client, until one of both has no more. False: the client has gone. */
static bool go_out(struct web_socket *socket)
{
	for (;;) {
		if (!flush(socket))
			return false;
		if (socket->closed || socket->out_end > 0)
			return true;
		read_stream(socket, 1);
		read_stream(socket, 2);
		if (socket->out_end > 0)
			continue;
		if (socket->process.pid > 0 || socket->streams.near[1] >= 0 ||
		    socket->streams.near[2] >= 0)
			return true;
		tell_end(socket);
	}
}

static void go(struct web_socket *socket)
{
	if (socket->urh)
		go_in(socket);
	if (socket->urh && !go_out(socket))
		let_go(socket);
	/* Both have closed, or the client broke a rule and was told so. */
	if (socket->urh && socket->closed && socket->deaf && socket->out_end == 0)
		let_go(socket);
	if (socket->urh)
		watch_arm(socket->gateway->epoll, &socket->client,
			  (socket->deaf || socket->pending_length > 0 ? 0 : EPOLLIN) |
				  (socket->out_end > 0 ? EPOLLOUT : 0));
	free_if_done(socket);
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct web_socket *socket = watch->owner;

	if (events & (EPOLLHUP | EPOLLERR))
		let_go(socket);
	go(socket);
}

static void stream_ready(struct watch *watch, uint32_t events)
{
	struct web_socket *socket = watch->owner;

	(void)events;
	go(socket);
}

static void has_ended(struct process *process)
{
	struct web_socket *socket =
		(struct web_socket *)(void *)((char *)process -
					      offsetof(struct web_socket, process));

	slots_give_back_lasting(&socket->gateway->slots);
	socket->deadline = socket->closed ? clock_ms() + CLOSE_MS : 0;
	go(socket);
}

static int start(struct web_socket *socket)
{
	int r = socket->attach.terminal ? streams_open_terminal(&socket->streams)
					: streams_open_pipes(&socket->streams);

	for (int i = 0; i < 3; i++)
		socket->watches[i] = (struct watch){ .fd = socket->streams.near[i],
						     .ready = stream_ready,
						     .owner = socket };
	return r < 0 ? r
		     : attach_start(&socket->attach, &socket->streams, socket->gateway,
				    &socket->process);
}

void socket_begin(struct gateway *gateway, struct socket_spec *spec)
{
	struct web_socket *socket = calloc(1, sizeof *socket);

	if (!socket || spec->length > sizeof socket->in) {
		free(socket);
		attach_free(&spec->attach);
		slots_give_back_lasting(&gateway->slots);
		MHD_upgrade_action(spec->urh, MHD_UPGRADE_ACTION_CLOSE);
		return;
	}
	socket->gateway = gateway;
	socket->attach = spec->attach;
	socket->urh = spec->urh;
	socket->local = spec->local;
	socket->client = (struct watch){ .fd = spec->fd, .ready = client_ready, .owner = socket };
	socket->process.ended = has_ended;
	socket->heard = clock_ms();
	memcpy(socket->in, spec->early, spec->length);
	socket->in_end = spec->length;
	socket->next = gateway->sockets;
	gateway->sockets = socket;
	if (start(socket) < 0) {
		slots_give_back_lasting(&gateway->slots);
		say_close(socket, WEBSOCKET_INTERNAL);
		socket->deaf = true;
	}
	streams_close(socket->streams.far);
	go(socket);
}

static bool is_of(const struct web_socket *socket, const char *user)
{
	return !socket->local && socket->attach.as && strcmp(socket->attach.as, user) == 0;
}

bool socket_lasts(const struct gateway *gateway, const char *user)
{
	const struct web_socket *socket = gateway->sockets;

	while (socket && !(socket->urh && is_of(socket, user)))
		socket = socket->next;
	return socket;
}

void socket_end_all(struct gateway *gateway, const char *user)
{
	for (struct web_socket *socket = gateway->sockets, *next; socket; socket = next) {
		next = socket->next;
		if (user && !is_of(socket, user))
			continue;
		if (!socket->closed)
			say_close(socket, user ? WEBSOCKET_FORBIDDEN : WEBSOCKET_AWAY);
		hang_up(socket);
		go(socket);
	}
}

void socket_abandon(struct gateway *gateway)
{
	for (struct web_socket *socket = gateway->sockets; socket; socket = socket->next)
		let_go(socket);
}

/* Deadlines that are over. */
static void look(struct web_socket *socket, int64_t now)
{
	int64_t stall = (int64_t)socket->gateway->limits.stall * 1000;

	if (socket->deadline && socket->deadline <= now) {
		socket->deadline = now + CLOSE_MS;
		process_signal(&socket->process, SIGKILL);
		let_go(socket);
	} else if (socket->urh && socket->out_end > 0 && now - socket->stalled >= stall) {
		let_go(socket);
	} else if (socket->urh && now - socket->heard >= 2 * PING_MS &&
		   socket->pending_length == 0) {
		let_go(socket);
	} else if (socket->urh && !socket->asked && now - socket->heard >= PING_MS) {
		socket->asked = true;
		put(socket, WEBSOCKET_PING, "", 0);
	} else {
		return;
	}
	go(socket);
}

void socket_tick(struct gateway *gateway, int64_t now, int64_t *next)
{
	for (struct web_socket *socket = gateway->sockets, *after; socket; socket = after) {
		after = socket->next;
		gateway_sooner(next, socket->deadline);
		if (socket->urh && socket->out_end > 0)
			gateway_sooner(next,
				       socket->stalled + (int64_t)gateway->limits.stall * 1000);
		if (socket->urh)
			gateway_sooner(next, socket->heard + (socket->asked ? 2 : 1) * PING_MS);
		look(socket, now);
	}
}
