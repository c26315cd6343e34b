/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sound of a desktop, for one listener. It is of now or of no use: samples that the listener does not take are left out. */
#include "machine/desktop/desktop.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A pipe holds less than a tenth of a second, and takes PIPE_BUF bytes without a wait when it is ready (pipe(7)). */
enum { PIPE_ROOM = 16384 };

static bool is_ready(int out)
{
	struct pollfd polled = { .fd = out, .events = POLLOUT };

	return poll(&polled, 1, 0) > 0 && polled.revents == POLLOUT;
}

static int put(int out, const char *bytes, size_t n)
{
	ssize_t sent = send(out, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (sent < 0 && errno != ENOTSOCK)
		return -errno;
	/* The rest of what is written in part comes behind it. */
	size_t done = sent < 0 ? 0 : (size_t)sent;
	return file_write_all(out, bytes + done, n - done, -1);
}

int desktop_play(int sound, int out, uint64_t *left_out, struct err *err)
{
	char bytes[PIPE_BUF];
	size_t have = 0;
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	fcntl(out, F_SETPIPE_SZ, PIPE_ROOM);
	*left_out = 0;
	while (r == 0) {
		struct pollfd polls[] = { { .fd = sound, .events = POLLIN }, { .fd = out } };
		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			return err_set(err, errno, "wait for sound: %s", strerror(errno));
		/* The listener has gone. */
		if (polls[1].revents)
			return 0;
		ssize_t n = polls[0].revents ? read(sound, bytes + have, sizeof bytes - have) : -1;
		if (n == 0)
			return err_set(err, EPIPE, "the machine has ended what it plays");
		have += n > 0 ? (size_t)n : 0;
		size_t whole = have / SOUND_FRAME * SOUND_FRAME;
		if (whole == 0)
			continue;
		r = is_ready(out) ? put(out, bytes, whole) : -EAGAIN;
		if (r == -EAGAIN) {
			*left_out += whole;
			r = 0;
		}
		have -= whole;
		memmove(bytes, bytes + whole, have);
	}
	return r == -EPIPE || r == -ECONNRESET
		       ? 0
		       : err_set(err, -r, "write what is played: %s", strerror(-r));
}
