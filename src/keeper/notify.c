/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/notify.h"

#include "kern/process.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool notify_says_ready(const char *message, size_t length)
{
	static const char ready[] = "READY=1";
	const char *end = message + length;

	while (message < end) {
		const char *newline = memchr(message, '\n', (size_t)(end - message));
		size_t n = (size_t)((newline ? newline : end) - message);
		if (n == sizeof ready - 1 && memcmp(message, ready, n) == 0)
			return true;
		message += newline ? n + 1 : n;
	}
	return false;
}

/* Only init, or another process of the guest's root user, may report. */
static bool may_report(const struct ucred *sender, pid_t init)
{
	struct process process;

	if (sender->pid == init)
		return true;
	return process_look(init, &process) == 0 && sender->uid == process.uid;
}

int notify_receive(int fd, pid_t init)
{
	char text[4096],
		control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(sizeof(size_t))));
	struct iovec iov = { .iov_base = text, .iov_len = sizeof text };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	struct ucred sender = { 0 };
	bool known = false;
	/* Descriptors that come along find no room here, and the kernel closes them. */
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
		    c->cmsg_len != CMSG_LEN(sizeof sender))
			continue;
		memcpy(&sender, CMSG_DATA(c), sizeof sender);
		known = true;
	}
	return known && notify_says_ready(text, (size_t)n) && may_report(&sender, init);
}
