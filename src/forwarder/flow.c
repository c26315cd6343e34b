/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forwarder/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHUNK = 1 << 20, /* more than a pipe takes */
	ROUNDS = 8,
};

static int take_pipe(struct flow *flow, struct pipes *pipes)
{
	if (flow->piped)
		return 0;
	if (pipes->count > 0)
		memcpy(flow->pipe, pipes->list[--pipes->count], sizeof flow->pipe);
	else if (pipe2(flow->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	flow->piped = true;
	return 0;
}

void flow_free(struct flow *flow, struct pipes *pipes)
{
	if (!flow->piped)
		return;
	flow->piped = false;
	if (flow->held == 0 && pipes->count < sizeof pipes->list / sizeof *pipes->list) {
		memcpy(pipes->list[pipes->count++], flow->pipe, sizeof flow->pipe);
		return;
	}
	close(flow->pipe[0]);
	close(flow->pipe[1]);
}

/* Bytes moved; 0: the end of what is to come; -EAGAIN: none now; or another -errno. */
static ssize_t move(int from, int to, size_t most)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Fills the empty pipe. 1: there are bytes in it; 0: none now, or none any more; or -errno. */
static int fill(struct flow *flow, int from, struct pipes *pipes)
{
	int r = flow->ended ? 0 : take_pipe(flow, pipes);

	if (flow->ended || r < 0)
		return r;
	ssize_t n = move(from, flow->pipe[1], CHUNK);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	flow->ended = n == 0;
	flow->held = (size_t)n;
	return n > 0;
}

int flow_pump(struct flow *flow, int from, int to, struct pipes *pipes)
{
	for (int round = 0; round < ROUNDS; round++) {
		int r = flow->held ? 1 : fill(flow, from, pipes);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		ssize_t n = move(flow->pipe[0], to, flow->held);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n <= 0)
			break;
		flow->held -= (size_t)n;
	}
	if (flow->held > 0)
		return 0;
	flow_free(flow, pipes);
	if (flow->ended && !flow->closed) {
		flow->closed = true;
		return shutdown(to, SHUT_WR) < 0 ? -errno : 0;
	}
	return 0;
}
