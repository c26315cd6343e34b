/* The control socket: who asks, what for, and what they are sent. */
#include "keeper/supervise.h"

#include "base/scoped.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LATE_MS = 50 };

static void drop(struct keeper *keeper, struct client *client)
{
	struct client **link = &keeper->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	close(client->source.fd);
	free(client);
}

static void say(struct client *client, enum protocol_type type, uint32_t value, const char *text)
{
	/* Who does not read its answers gets none; its end comes as an event. */
	protocol_send(client->source.fd, type, value, text, strlen(text), -1);
}

static void wait_for_room(struct keeper *keeper, struct client *client, bool blocked)
{
	struct epoll_event event = {
		.events = EPOLLIN | (blocked ? EPOLLOUT : 0u),
		.data.ptr = &client->source,
	};

	client->blocked = blocked;
	epoll_ctl(keeper->epoll, EPOLL_CTL_MOD, client->source.fd, &event);
}

/* From its place on until its socket is full; a slow reader loses the oldest, nobody else waits. */
static void send_output(struct keeper *keeper, struct client *client)
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
			send_output(keeper, c);
	}
}

void clients_tell(struct keeper *keeper, enum protocol_type type)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (type == SAY_ENDED && c->role != CLIENT_NEW && c->role != CLIENT_ENTERS)
			say(c, SAY_ENDED, keeper->ended, keeper->how);
		else if (type == SAY_BOOTED && c->role == CLIENT_WAITS_BOOT)
			say(c, SAY_BOOTED, 0, "");
	}
}

/* Who has brought a process in ends it: init waits for that, and could not know that it need not. */
void clients_tell_halting(struct keeper *keeper, unsigned seconds)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_ENTERS)
			say(c, SAY_HALTING, seconds, "");
	}
}

static struct client *find_writer(struct keeper *keeper)
{
	struct client *c = keeper->clients;

	while (c && !c->writer)
		c = c->next;
	return c;
}

static void attach_console(struct keeper *keeper, struct client *client, uint32_t role)
{
	struct client *writer = find_writer(keeper);

	if (role == CONSOLE_WRITER && writer && writer != client) {
		say(client, SAY_REFUSED, EBUSY, "somebody else writes to this console");
		return;
	}
	if (role == CONSOLE_TAKEOVER && writer && writer != client) {
		writer->writer = false;
		say(writer, SAY_REFUSED, EBUSY, "somebody took over this console");
	}
	client->role = CLIENT_CONSOLE;
	client->writer = role != CONSOLE_READER;
	client->place = ring_start(&keeper->ring);
	send_output(keeper, client);
}

static void write_console(struct keeper *keeper, const struct protocol_message *message)
{
	const char *data = message->data;
	size_t left = message->length;

	/* The line discipline takes what it has room for; a guest that does not read loses the rest. */
	while (left > 0) {
		ssize_t n = write(keeper->console.fd, data, left);
		if (n <= 0)
			return;
		data += n;
		left -= (size_t)n;
	}
}

static void set_size(struct keeper *keeper, uint32_t value)
{
	struct winsize size = {
		.ws_row = (unsigned short)(value >> 16),
		.ws_col = (unsigned short)(value & 0xffff),
	};

	ioctl(keeper->console.fd, TIOCSWINSZ, &size);
}

/* Who asks while the next one is made waits for that, as long as he likes. */
static void give_guest(struct keeper *keeper, struct client *client)
{
	bool enters = client->role == CLIENT_NEW || client->role == CLIENT_WAITS_GUEST;

	if (enters)
		client->role = respawn_runs(keeper) ? CLIENT_WAITS_GUEST
			       : keeper->waiting    ? CLIENT_NEW
						    : CLIENT_ENTERS;
	if (client->role == CLIENT_WAITS_GUEST)
		return;
	if (keeper->waiting)
		say(client, SAY_REFUSED, EAGAIN, "it ended and is about to be started again");
	else
		protocol_send(client->source.fd, SAY_GUEST, 0, NULL, 0, keeper->guest.fd);
}

void clients_give_guest(struct keeper *keeper)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_WAITS_GUEST)
			give_guest(keeper, c);
	}
}

static void serve(struct keeper *keeper, struct client *client,
		  const struct protocol_message *message)
{
	switch (message->type) {
	case ASK_GUEST:
		give_guest(keeper, client);
		break;
	case ASK_HALT:
		client->role = CLIENT_WAITS_END;
		keeper_halt(keeper, message->value);
		break;
	case ASK_KILL:
		client->role = CLIENT_WAITS_END;
		keeper_kill(keeper);
		break;
	case ASK_BOOTED:
		client->role = CLIENT_WAITS_BOOT;
		if (keeper->booted)
			say(client, SAY_BOOTED, 0, "");
		break;
	case ASK_OWN:
		client->owner = true;
		break;
	case ASK_CONSOLE:
		attach_console(keeper, client, message->value);
		break;
	case SEND_INPUT:
		if (client->writer)
			write_console(keeper, message);
		break;
	case SEND_SIZE:
		if (client->writer)
			set_size(keeper, message->value);
		break;
	default:
		say(client, SAY_REFUSED, EPROTO, "the keeper does not know this request");
		break;
	}
}

static void client_ready(struct keeper *keeper, struct source *source)
{
	struct client *client = (struct client *)source;
	struct protocol_message message;
	int r = protocol_receive(source->fd, &message, NULL);

	if (r > 0) {
		serve(keeper, client, &message);
	} else if (r != -EAGAIN) {
		if (client->owner)
			keeper_kill(keeper);
		drop(keeper, client);
	} else if (client->blocked) {
		send_output(keeper, client);
	}
}

void clients_accept(struct keeper *keeper, struct source *source)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	scoped_fd int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0)
		return;
	struct client *client = calloc(1, sizeof *client);
	if (!client)
		return;
	client->source = (struct source){ .fd = take_fd(&fd), .ready = client_ready };
	client->next = keeper->clients;
	keeper->clients = client;
	keeper_watch(keeper, &client->source, EPOLLIN);
}

/* The guest is gone: only who waits for something, or wants to see what it showed last, is answered. */
static void serve_late(struct keeper *keeper, struct client *client)
{
	struct pollfd asked = { .fd = client->source.fd, .events = POLLIN };
	struct protocol_message message;

	if (poll(&asked, 1, LATE_MS) <= 0 || protocol_receive(asked.fd, &message, NULL) <= 0)
		return;
	if (message.type == ASK_CONSOLE)
		attach_console(keeper, client, CONSOLE_READER);
	else
		client->role = CLIENT_WAITS_END;
}

void clients_take_late(struct keeper *keeper)
{
	struct pollfd listener = { .fd = keeper->control.fd, .events = POLLIN };

	while (poll(&listener, 1, 0) > 0)
		clients_accept(keeper, &keeper->control);
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_NEW)
			serve_late(keeper, c);
	}
}

void clients_close(struct keeper *keeper)
{
	while (keeper->clients)
		drop(keeper, keeper->clients);
}
