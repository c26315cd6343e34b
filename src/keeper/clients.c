/* The control socket: who asks, what for, and what they are sent. */
#include "keeper/supervise.h"

#include "base/scoped.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LATE_MS = 50, GONE_MAX = 8 };

static void drop(struct keeper *keeper, struct client *client)
{
	struct client **link = &keeper->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	/* By closing alone it would stay known, should a child have a copy that it has not closed yet. */
	epoll_ctl(keeper->epoll, EPOLL_CTL_DEL, client->source.fd, NULL);
	close(client->source.fd);
	free(client->typed);
	free(client);
	if (keeper->deaf) {
		keeper->deaf = false;
		keeper_watch(keeper, &keeper->control, EPOLLIN);
	}
}

static void say(struct client *client, enum protocol_type type, uint32_t value, const char *text)
{
	/* Who does not read its answers gets none; its end comes as an event. */
	protocol_send(client->source.fd, type, value, text, strlen(text), -1);
}

/* Whether the guest has not taken all that it typed. */
static bool is_held(const struct client *client)
{
	return client->typed_at < client->typed_end;
}

/*
 * Who is held is not read from, so that its socket fills up and makes it wait. That it has gone is told whatever is
 * asked for: at the edge, or it would be told for ever.
 */
static void watch_again(struct keeper *keeper, struct client *client)
{
	uint32_t more = is_held(client) ? EPOLLET : EPOLLIN;
	struct epoll_event event = {
		.events = more | (client->blocked ? EPOLLOUT : 0u),
		.data.ptr = &client->source,
	};

	epoll_ctl(keeper->epoll, EPOLL_CTL_MOD, client->source.fd, &event);
}

static void wait_for_room(struct keeper *keeper, struct client *client, bool blocked)
{
	client->blocked = blocked;
	watch_again(keeper, client);
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

	while (c && (!c->writer || c->gone))
		c = c->next;
	return c;
}

/* Who has gone with something typed that the guest does not take: not without end. */
static void forget_gone(struct keeper *keeper)
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
		drop(keeper, oldest);
}

static bool has_gone(struct client *client)
{
	struct pollfd state = { .fd = client->source.fd };

	client->gone = client->gone || (poll(&state, 1, 0) > 0 && (state.revents & POLLHUP));
	return client->gone;
}

static void take_messages(struct keeper *keeper, struct client *client);

/* "process 12 ... writes to this console", of who is at the other end of a socket. */
static void refuse_writing(struct client *client, int other, const char *does)
{
	scoped_text struct text words = { 0 };

	peer_words(other, &words);
	text_add(&words, " %s", does);
	say(client, SAY_REFUSED, EBUSY, text_str(&words));
}

static void attach_console(struct keeper *keeper, struct client *client, uint32_t role)
{
	struct client *writer = find_writer(keeper);

	if (writer && writer != client && has_gone(writer)) {
		take_messages(keeper, writer);
		writer = find_writer(keeper);
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
	send_output(keeper, client);
}

/* Bytes taken by the line discipline, which has room for so many; 0: it wants no more now. */
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

/* Who could type first goes first. */
static struct client *next_held(struct keeper *keeper)
{
	struct client *first = NULL;

	for (struct client *c = keeper->clients; c; c = c->next) {
		if (is_held(c) && (!first || c->turn < first->turn))
			first = c;
	}
	return first;
}

/* The console tells when it has room only while somebody waits for that. */
void clients_watch_console(struct keeper *keeper)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | (next_held(keeper) ? EPOLLOUT : 0u),
		.data.ptr = &keeper->console,
	};

	epoll_ctl(keeper->epoll, EPOLL_CTL_MOD, keeper->console.fd, &event);
}

static void hold(struct keeper *keeper, struct client *client, const char *data, size_t n)
{
	if (!client->typed)
		client->typed = malloc(PROTOCOL_DATA);
	if (!client->typed)
		return;
	memcpy(client->typed, data, n);
	client->typed_at = 0;
	client->typed_end = n;
	watch_again(keeper, client);
	clients_watch_console(keeper);
}

static void write_console(struct keeper *keeper, struct client *client,
			  const struct protocol_message *message)
{
	const struct client *first = next_held(keeper);
	bool behind = first && first->turn < client->turn;
	size_t taken = behind ? 0 : type_some(keeper, message->data, message->length);

	if (taken < message->length)
		hold(keeper, client, message->data + taken, message->length - taken);
}

void clients_untype(struct keeper *keeper)
{
	for (struct client *c = keeper->clients; c; c = c->next) {
		c->typed_at = c->typed_end;
		watch_again(keeper, c);
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
			write_console(keeper, client, message);
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

/* What it has sent before it went stays in the socket until the guest takes it. */
static void wake_held(struct keeper *keeper, struct client *client)
{
	if (client->blocked)
		send_output(keeper, client);
	if (client->gone || !has_gone(client))
		return;
	if (client->owner)
		keeper_kill(keeper);
	forget_gone(keeper);
}

/* One of them: whether there may be more. It may be gone afterwards, and is then at its end. */
static bool take_message(struct keeper *keeper, struct client *client)
{
	struct protocol_message message;
	int r = protocol_receive(client->source.fd, &message, NULL);

	if (r > 0) {
		serve(keeper, client, &message);
		return !is_held(client);
	}
	if (r != -EAGAIN) {
		if (client->owner)
			keeper_kill(keeper);
		drop(keeper, client);
	} else if (client->blocked) {
		send_output(keeper, client);
	}
	return false;
}

static void take_messages(struct keeper *keeper, struct client *client)
{
	if (is_held(client))
		return;
	while (take_message(keeper, client))
		;
}

void clients_type(struct keeper *keeper)
{
	struct client *client = next_held(keeper);

	if (!client)
		return;
	for (; client; client = next_held(keeper)) {
		client->typed_at += type_some(keeper, client->typed + client->typed_at,
					      client->typed_end - client->typed_at);
		if (is_held(client))
			return;
		watch_again(keeper, client);
		/* All of it, before it is the next one's turn. */
		take_messages(keeper, client);
	}
	clients_watch_console(keeper);
}

static void client_ready(struct keeper *keeper, struct source *source)
{
	struct client *client = (struct client *)source;

	if (is_held(client))
		wake_held(keeper, client);
	else
		take_message(keeper, client);
}

void clients_accept(struct keeper *keeper, struct source *source)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	scoped_fd int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		/* Whoever asks is told of without end: he has to wait until another one has gone. */
		epoll_ctl(keeper->epoll, EPOLL_CTL_DEL, source->fd, NULL);
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
