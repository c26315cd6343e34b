/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/rights.h"

#include <string.h>
#include <unistd.h>

void rights_put(struct msghdr *message, union rights_room *rights, const int *fds, int count)
{
	size_t bytes = (size_t)count * sizeof *fds;

	if (count == 0)
		return;
	memset(rights, 0, sizeof *rights);
	message->msg_control = rights->room;
	message->msg_controllen = CMSG_SPACE(bytes);
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), fds, bytes);
}

void rights_expect(struct msghdr *message, union rights_room *rights, int max)
{
	memset(rights, 0, sizeof *rights);
	message->msg_control = rights->room;
	message->msg_controllen = CMSG_SPACE((size_t)max * sizeof(int));
}

/* The room is rounded up, so one more than expected may have come. */
int rights_take(struct msghdr *message, int *fds, int max)
{
	int taken = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (taken < max)
				fds[taken++] = fd;
			else
				close(fd);
		}
	}
	return taken;
}
