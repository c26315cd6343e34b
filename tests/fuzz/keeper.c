/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keeper between its clients, its guest's console and its guest's reports, in any order: who lives, who
 * is sent what, and nothing is kept of those who left. Of the guest's life there is only a stand-in.
 */
#include "fuzz.h"

#include "base/scoped.h"
#include "keeper/keeper.h"
#include "keeper/notify.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum { CLIENTS = 4, SCROLLBACK = 512 };

void keeper_halt(struct keeper *keeper, unsigned seconds)
{
	keeper->halting = true;
	clients_tell_halting(keeper, seconds);
}

void keeper_kill(struct keeper *keeper)
{
	keeper->killed = true;
}

void keeper_set_booted(struct keeper *keeper)
{
	if (keeper->booted)
		return;
	keeper->booted = true;
	clients_tell(keeper, SAY_BOOTED);
}

void space_watch(struct keeper *keeper)
{
	(void)keeper;
}

static void wake_all(struct keeper *keeper)
{
	for (struct client *next, *c = keeper->clients; c; c = next) {
		next = c->next;
		c->source.ready(keeper, &c->source);
	}
}

/* Checks that each message is whole, and discards it. */
static void read_all(int fd)
{
	struct protocol_message message;
	int sent = -1;

	while (recv(fd, &message, sizeof message, MSG_PEEK | MSG_DONTWAIT) > 0) {
		fuzz_check(protocol_receive(fd, &message, &sent) == 1);
		fuzz_check(message.type >= SAY_GUEST && message.type <= SAY_HALTING);
		scoped_close_fd(&sent);
	}
}

/* Sends as many descriptors as fit. Those that were not asked for must not stay open. */
static void send_raw(int fd, const uint8_t *data, size_t size)
{
	struct iovec iov = { (void *)(uintptr_t)data, size };
	char control[CMSG_SPACE(2 * sizeof fd)] __attribute__((aligned(sizeof(size_t)))) = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int both[2] = { fd, fd };

	if (size % 2) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof both);
		memcpy(CMSG_DATA(c), both, sizeof both);
	}
	sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_well(int fd, const uint8_t *data, size_t size)
{
	if (size < 3)
		return;
	uint32_t value = (uint32_t)data[1] << 16 | data[2];
	protocol_send(fd, data[0] % (SAY_HALTING + 1), value, data + 3, size - 3, -1);
}

static void act(struct keeper *keeper, int *client, int guest, unsigned what, const uint8_t *data,
		size_t size)
{
	switch (what) {
	case 0:
		scoped_close_fd(client);
		wake_all(keeper);
		*client = protocol_connect(keeper->run);
		requests_accept(keeper, &keeper->control);
		break;
	case 1:
		send_raw(*client, data, size);
		break;
	case 2:
	case 3:
		send_well(*client, data, size);
		break;
	case 4:
		if (send(guest, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			output_ready(keeper, &keeper->console);
		break;
	case 5:
		read_all(*client);
		break;
	case 6:
		if (notify_says_ready((const char *)data, size))
			keeper_set_booted(keeper);
		break;
	default:
		while (recv(guest, &(char[64]){ 0 }, 64, MSG_DONTWAIT) > 0)
			;
	}
	wake_all(keeper);
}

static int begin(struct keeper *keeper, int *guest)
{
	const char *path;
	int pair[2];

	*keeper = (struct keeper){ .run = fuzz_folder(&path), .epoll = -1, .log = -1 };
	keeper->plan.scrollback = SCROLLBACK;
	keeper->plan.log_size = 4096;
	snprintf(keeper->plan.log, sizeof keeper->plan.log, "%s/console.log", path);
	unlinkat(keeper->run, "control", 0);
	keeper->control.fd = protocol_listen(keeper->run);
	if (keeper->control.fd < 0 || output_open(keeper) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	keeper->console.fd = pair[0];
	*guest = pair[1];
	keeper->guest.fd = *guest;
	return 0;
}

static int lowest_fd(void)
{
	scoped_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd;
}

/* Each action has a kind, a client, and a number of bytes that follow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keeper keeper;
	int clients[CLIENTS] = { -1, -1, -1, -1 }, guest;

	fuzz_folder(NULL);
	int before = lowest_fd();
	if (begin(&keeper, &guest) < 0)
		abort();
	while (size >= 2) {
		unsigned head = data[0];
		size_t n = data[1] < size - 2 ? data[1] : size - 2;
		act(&keeper, &clients[head >> 3 & 3], guest, head & 7, data + 2, n);
		data += n + 2;
		size -= n + 2;
	}
	keeper.ended = ENDED_CLEAN;
	clients_tell(&keeper, SAY_ENDED);
	clients_close(&keeper);
	for (int i = 0; i < CLIENTS; i++)
		scoped_close_fd(&clients[i]);
	scoped_close_fd(&keeper.control.fd);
	scoped_close_fd(&keeper.console.fd);
	scoped_close_fd(&keeper.log);
	scoped_close_fd(&guest);
	ring_close(&keeper.ring);
	fuzz_check(lowest_fd() == before);
	return 0;
}
