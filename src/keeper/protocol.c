/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/protocol.h"

#include "base/scoped.h"
#include "base/text.h"
#include "kern/rights.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

enum { HEAD = offsetof(struct protocol_message, data), CONNECT_SECONDS = 5, FORMAT_SHIFT = 16 };

bool protocol_lasts(uint32_t type)
{
	switch (type) {
	case ASK_GUEST:
	case ASK_HALT:
	case ASK_KILL:
	case SAY_GUEST:
	case SAY_ENDED:
	case SAY_REFUSED:
	case SAY_HALTING:
		return true;
	default:
		return false;
	}
}

static uint32_t format_of(uint32_t type)
{
	return protocol_lasts(type) ? 0 : (uint32_t)(PROTOCOL_FORMAT - 1) << FORMAT_SHIFT;
}

/* sun_path holds 108 bytes, a state root may be longer: walk there by the folder's descriptor. */
static int address_of(int run_fd, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return text_print(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/control",
			  run_fd);
}

int protocol_listen(int run_fd)
{
	scoped_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int r = address_of(run_fd, &address);

	if (fd < 0)
		return -errno;
	if (r < 0)
		return r;
	if (unlinkat(run_fd, "control", 0) < 0 && errno != ENOENT)
		return -errno;
	mode_t mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0 && listen(fd, 64) < 0)
		r = -errno;
	return r < 0 ? r : take_fd(&fd);
}

int protocol_connect(int run_fd)
{
	scoped_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS }, forever = { 0 };
	struct sockaddr_un address;
	int r = address_of(run_fd, &address);

	if (fd < 0)
		return -errno;
	if (r < 0)
		return r;
	/* A timeout is needed only if the keeper is stopped, and so many clients wait that no more are accepted. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof forever);
	return take_fd(&fd);
}

int protocol_send(int socket, enum protocol_type type, uint32_t value, const void *data,
		  size_t length, int fd)
{
	uint32_t head[3] = { type | format_of(type), value, (uint32_t)length };
	union rights_room rights;
	struct iovec iov[2] = {
		{ .iov_base = head, .iov_len = HEAD },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = length },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = length ? 2 : 1 };
	ssize_t n;

	if (length > PROTOCOL_DATA)
		return -EMSGSIZE;
	rights_put(&msg, &rights, &fd, fd >= 0);
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int protocol_receive(int socket, struct protocol_message *message, int *fd)
{
	union rights_room rights;
	struct iovec iov = { .iov_base = message, .iov_len = sizeof *message };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	scoped_fd int got = -1;
	ssize_t n;
	int resets = 0;

	rights_expect(&msg, &rights, 1);
	/* A peer that closed with something of ours unread: that is told once, before what it had sent. */
	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	if (n < 0 && errno != ECONNRESET)
		return -errno;
	if (n <= 0)
		return 0;
	rights_take(&msg, &got, 1);
	if (n < HEAD || message->length != (size_t)n - HEAD)
		return -EPROTO;
	uint32_t type = message->type & ((1u << FORMAT_SHIFT) - 1);
	if (message->type == (type | format_of(type)))
		message->type = type;
	if (message->length < PROTOCOL_DATA)
		message->data[message->length] = '\0';
	if (fd)
		*fd = take_fd(&got);
	return 1;
}
