/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forwarder/demand.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int demand_ask(int fd)
{
	const char question = '?';

	return send(fd, &question, sizeof question, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int demand_take(int fd, struct demand_answer *answer, int *use)
{
	union control control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = answer, .iov_len = sizeof *answer };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };

	*use = -1;
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
		memcpy(use, CMSG_DATA(head), sizeof *use);
	return n == sizeof *answer ? 0 : -EPIPE;
}
