/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forwarder/demand.h"

#include "kern/rights.h"

#include <errno.h>
#include <sys/socket.h>

int demand_ask(int fd)
{
	const char question = '?';

	return send(fd, &question, sizeof question, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int demand_take(int fd, struct demand_answer *answer, int *use)
{
	union rights_room rights;
	struct iovec part = { .iov_base = answer, .iov_len = sizeof *answer };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	*use = -1;
	rights_expect(&message, &rights, 1);
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	rights_take(&message, use, 1);
	return n == sizeof *answer ? 0 : -EPIPE;
}
