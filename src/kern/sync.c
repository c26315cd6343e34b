/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/sync.h"

#include "base/scoped.h"
#include "kern/rights.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct message {
	enum step step;
	struct err err;
};

const char *step_name(enum step step)
{
	switch (step) {
	case STEP_NONE:
		return "none";
	case STEP_CLONED:
		return "cloned";
	case STEP_HOST_READY:
		return "host-ready";
	case STEP_NETWORK:
		return "network";
	case STEP_ROOT_READY:
		return "root-ready";
	case STEP_GO:
		return "go";
	case STEP_RUNNING:
		return "running";
	case STEP_FAILED:
		return "failed";
	}
	return "unknown";
}

int sync_pair(struct sync *host, struct sync *guest, struct err *err)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		return err_set(err, errno, "socketpair: %s", strerror(errno));
	host->fd = fd[0];
	guest->fd = fd[1];
	return 0;
}

static int send_message(struct sync *sync, const struct message *message, const int *fds, int count)
{
	union rights_room rights;
	struct message copy = *message;
	struct iovec iov = { .iov_base = &copy, .iov_len = sizeof copy };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	rights_put(&msg, &rights, fds, count);
	do
		n = sendmsg(sync->fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int sync_post(struct sync *sync, enum step step, const int *fds, int count, struct err *err)
{
	struct message message = { .step = step };
	int r = send_message(sync, &message, fds, count);

	if (r == -EPIPE) {
		/* The other side may have sent the reason before it exited. */
		return sync_wait(sync, STEP_NONE, NULL, 0, err);
	}
	if (r < 0)
		return err_set(err, -r, "tell the other side '%s': %s", step_name(step),
			       strerror(-r));
	return 0;
}

int sync_fail(struct sync *sync, const struct err *why)
{
	struct message message = { .step = STEP_FAILED, .err = *why };

	return send_message(sync, &message, NULL, 0);
}

static void close_all(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

/* 1: a message, 0: the other side closed, negative: an error, which is in err. */
static int receive(struct sync *sync, struct message *message, int *fds, int *count,
		   struct err *err)
{
	union rights_room rights;
	struct iovec iov = { .iov_base = message, .iov_len = sizeof *message };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	rights_expect(&msg, &rights, SYNC_FDS);
	do
		n = recvmsg(sync->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET)
		return err_set(err, errno, "read from the other side: %s", strerror(errno));
	if (n <= 0)
		return 0;
	*count = rights_take(&msg, fds, SYNC_FDS);
	if (n == sizeof *message && message->step != STEP_FAILED)
		return 1;
	close_all(fds, *count);
	if (n != sizeof *message)
		return err_set(err, EPROTO, "short message from the other side");
	message->err.text[sizeof message->err.text - 1] = '\0';
	return err_set(err, message->err.code, "%s", message->err.text);
}

int sync_wait(struct sync *sync, enum step step, int *fds, int count, struct err *err)
{
	struct message message;
	int got[SYNC_FDS], n = 0;
	int r = receive(sync, &message, got, &n, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, EPIPE, "the other side ended before '%s'", step_name(step));
	if (message.step != step || n != count) {
		close_all(got, n);
		return err_set(err, EPROTO, "expected '%s' with %d descriptors, got '%s' with %d",
			       step_name(step), count, step_name(message.step), n);
	}
	if (count > 0)
		memcpy(fds, got, (size_t)count * sizeof(int));
	return 0;
}

void sync_explain(struct sync *sync, struct err *err)
{
	struct pollfd waiting = { .fd = sync->fd, .events = POLLIN };
	struct message message;
	struct err theirs = { 0 };
	int got[SYNC_FDS], n = 0;

	if (poll(&waiting, 1, 0) <= 0)
		return;
	int r = receive(sync, &message, got, &n, &theirs);
	if (r > 0)
		close_all(got, n);
	if (r < 0)
		*err = theirs;
}

int sync_wait_exec(struct sync *sync, struct err *err)
{
	struct message message;
	int got[SYNC_FDS], n = 0;
	int r = receive(sync, &message, got, &n, err);

	if (r <= 0)
		return r;
	close_all(got, n);
	return err_set(err, EPROTO, "expected exec, got '%s'", step_name(message.step));
}

void sync_close(struct sync *sync)
{
	scoped_close_fd(&sync->fd);
}
