/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that go along with a message over a socket: SCM_RIGHTS of unix(7). */
#ifndef BERTH_KERN_RIGHTS_H
#define BERTH_KERN_RIGHTS_H

#include <sys/socket.h>

/* Descriptors that one message can take along; the kernel would take 253. */
enum { RIGHTS_MAX = 64 };

/* Room for them, which has to last until the message is sent or received. */
union rights_room {
	char room[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
	struct cmsghdr align;
};

/* Sends count descriptors along, none or at most RIGHTS_MAX; they stay the caller's. */
void rights_put(struct msghdr *message, union rights_room *rights, const int *fds, int count);

/* Gives a message that is received room for max descriptors. */
void rights_expect(struct msghdr *message, union rights_room *rights, int max);

/*
 * Takes what came along with a message, at most max descriptors, which are the caller's; further ones are closed. How
 * many there are in fds.
 */
int rights_take(struct msghdr *message, int *fds, int max);

#endif
