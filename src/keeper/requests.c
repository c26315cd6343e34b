/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: what clients ask for, read from them and served.
 * Who is connected and what is sent stands in clients.c; what a halt or a kill does in life.c.
 */
#include "keeper/keeper.h"

#include "base/scoped.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LATE_MS = 50 };

static void take_messages(struct keeper *keeper, struct client *client);

/* "process 12 ... DOES", about the process at the other end of a socket. */
static void refuse_writing(struct client *client, int other, const char *does)
{
	scoped_text struct text words = { 0 };

	peer_words(other, &words);
	text_add(&words, " %s", does);
	client_say(client, SAY_REFUSED, EBUSY, text_str(&words));
}

static void attach_console(struct keeper *keeper, struct client *client, uint32_t role)
{
	struct client *writer = clients_writer(keeper);

	if (writer && writer != client && client_has_gone(writer)) {
		take_messages(keeper, writer);
		writer = clients_writer(keeper);
	}
	if (role == CONSOLE_WRITER && writer && writer != client) {
		refuse_writing(client, writer->source.fd,
			       "writes to this console; take it over by --force, or look by "
			       "--read-only");
		return;
	}
	if (role == CONSOLE_TAKEOVER && writer && writer != client) {
		writer->writer = false;
		refuse_writing(writer, client->source.fd, "took over this console");
	}
	client->role = CLIENT_CONSOLE;
	client->writer = role != CONSOLE_READER;
	client->turn = ++keeper->turns;
	client->place = ring_start(&keeper->ring);
	client_send_output(keeper, client);
}

static void set_size(struct keeper *keeper, uint32_t value)
{
	struct winsize size = {
		.ws_row = (unsigned short)(value >> 16),
		.ws_col = (unsigned short)(value & 0xffff),
	};

	ioctl(keeper->console.fd, TIOCSWINSZ, &size);
}

/* If the next guest is being made, the answer waits for it. */
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
		client_say(client, SAY_REFUSED, EAGAIN,
			   "it ended and is about to be started again");
	else
		protocol_send(client->source.fd, SAY_GUEST, 0, NULL, 0, keeper->guest.fd);
}

void requests_give_guest(struct keeper *keeper)
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
			client_say(client, SAY_BOOTED, 0, "");
		break;
	case ASK_OWN:
		client->owner = true;
		break;
	case ASK_CONSOLE:
		attach_console(keeper, client, message->value);
		break;
	case SEND_INPUT:
		if (client->writer)
			input_write(keeper, client, message->data, message->length);
		break;
	case SEND_SIZE:
		if (client->writer)
			set_size(keeper, message->value);
		break;
	case TELL_VOLUMES:
		space_watch(keeper);
		break;
	default:
		client_say(client, SAY_REFUSED, EPROTO, "the keeper does not know this request");
		break;
	}
}

/* Serves one message. Whether there may be more; if not, the client may have been dropped. */
static bool take_message(struct keeper *keeper, struct client *client)
{
	struct protocol_message message;
	int r = protocol_receive(client->source.fd, &message, NULL);

	if (r > 0) {
		serve(keeper, client, &message);
		return !client_has_typed(client);
	}
	if (r != -EAGAIN) {
		if (client->owner)
			keeper_kill(keeper);
		client_drop(keeper, client);
	} else if (client->blocked) {
		client_send_output(keeper, client);
	}
	return false;
}

static void take_messages(struct keeper *keeper, struct client *client)
{
	if (client_has_typed(client))
		return;
	while (take_message(keeper, client))
		;
}

void requests_type(struct keeper *keeper)
{
	struct client *client = input_next(keeper);

	if (!client)
		return;
	for (; client; client = input_next(keeper)) {
		if (!input_give(keeper, client))
			return;
		/* All input of this client is taken before it is the next one's turn. */
		take_messages(keeper, client);
	}
	input_watch_console(keeper);
}

/* Requests that a client sent before it went stay in the socket until the guest takes them. */
static void wake_held(struct keeper *keeper, struct client *client)
{
	if (client->blocked)
		client_send_output(keeper, client);
	if (client->gone || !client_has_gone(client))
		return;
	if (client->owner)
		keeper_kill(keeper);
	clients_forget_gone(keeper);
}

static void client_ready(struct keeper *keeper, struct source *source)
{
	struct client *client = (struct client *)source;

	if (client_has_typed(client))
		wake_held(keeper, client);
	else
		take_message(keeper, client);
}

void requests_accept(struct keeper *keeper, struct source *source)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	scoped_fd int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		/* The loop would report the next client without end: it waits until another one has gone. */
		event_loop_ignore(keeper, source);
		keeper->deaf = true;
	}
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0)
		return;
	struct client *client = calloc(1, sizeof *client);
	if (!client)
		return;
	client->source = (struct source){ .fd = take_fd(&fd), .ready = client_ready };
	client->next = keeper->clients;
	keeper->clients = client;
	event_loop_watch(keeper, &client->source, EPOLLIN);
}

/* The guest is gone: a client may still wait for the end, or look at the last output. */
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

void requests_take_late(struct keeper *keeper)
{
	struct pollfd listener = { .fd = keeper->control.fd, .events = POLLIN };

	while (poll(&listener, 1, 0) > 0)
		requests_accept(keeper, &keeper->control);
	for (struct client *c = keeper->clients; c; c = c->next) {
		if (c->role == CLIENT_NEW)
			serve_late(keeper, c);
	}
}
