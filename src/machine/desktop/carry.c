/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes between a display and a viewer. Neither can make us wait, or keep more than two buffers. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/rfb.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LANE_ROOM = 65536 };

/* A direction of the connection. */
struct lane {
	int from, to; /* borrowed */
	size_t at, end;
	bool over; /* from has closed */
	unsigned char bytes[LANE_ROOM];
};

static bool waits(const struct lane *lane)
{
	return lane->at < lane->end;
}

/* Reads when nothing waits. The filter needs room for what it kept. 0 or -errno. */
static int fill(struct lane *lane, struct rfb_filter *filter)
{
	unsigned char raw[LANE_ROOM - RFB_HEAD];
	ssize_t n = read(lane->from, raw, sizeof raw);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	lane->over = n == 0;
	lane->at = 0;
	if (filter) {
		long passed = rfb_filter(filter, raw, (size_t)n, lane->bytes);
		lane->end = passed < 0 ? 0 : (size_t)passed;
		return passed < 0 ? (int)passed : 0;
	}
	memcpy(lane->bytes, raw, (size_t)n);
	lane->end = (size_t)n;
	return 0;
}

/* Writes what fits. A pipe that is ready takes PIPE_BUF bytes without a wait, whatever its flags are (pipe(7)). */
static int drain(struct lane *lane)
{
	const unsigned char *bytes = lane->bytes + lane->at;
	size_t left = lane->end - lane->at;
	ssize_t n = send(lane->to, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(lane->to, bytes, left < PIPE_BUF ? left : PIPE_BUF);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	lane->at += (size_t)n;
	return 0;
}

/* A reader that is asked nothing would still tell of its end, again and again. */
static void ask(struct pollfd polls[2], const struct lane *lane)
{
	polls[0] = (struct pollfd){ .fd = waits(lane) || lane->over ? -1 : lane->from,
				    .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = waits(lane) ? lane->to : -1, .events = POLLOUT };
}

/* The end of a viewer ends us also while a display that stands still does not take what the viewer has sent. */
static void ask_viewer(struct pollfd polls[2], const struct lane *lane)
{
	ask(polls, lane);
	polls[0].fd = lane->from;
	polls[0].events = waits(lane) ? 0 : POLLIN;
}

/* A turn of a lane: 0, or -errno of a peer that is gone, or -EPROTO of the filter. */
static int turn(struct lane *lane, const struct pollfd polls[2], struct rfb_filter *filter)
{
	int r = 0;

	if (polls[0].fd >= 0 && polls[0].revents && waits(lane))
		lane->over = true;
	else if (polls[0].fd >= 0 && polls[0].revents)
		r = fill(lane, filter);
	if (r == 0 && polls[1].fd >= 0 && polls[1].revents)
		r = drain(lane);
	return r;
}

int desktop_carry(int display, int in, int out, bool view_only, enum desktop_end *end,
		  struct err *err)
{
	struct rfb_filter filter = { 0 };
	struct lane lanes[2] = { { .from = display, .to = out }, { .from = in, .to = display } };
	struct lane *shown = &lanes[0], *acts = &lanes[1];
	struct pollfd polls[4];
	int r = 0, s = 0;

	signal(SIGPIPE, SIG_IGN);
	/* The last bytes of a display reach its viewer; those of a viewer that has left are of no use. */
	while (r == 0 && s == 0 && !acts->over && (!shown->over || waits(shown))) {
		ask(polls, shown);
		ask_viewer(polls + 2, acts);
		if (poll(polls, 4, -1) < 0 && errno != EINTR)
			return err_set(err, errno, "wait for a viewer: %s", strerror(errno));
		r = turn(shown, polls, NULL);
		s = turn(acts, polls + 2, view_only ? &filter : NULL);
	}
	if (s == -EPROTO)
		return err_set(err, EPROTO, "the viewer was refused: %s", filter.fault);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return err_set(err, -r, "write to the viewer: %s", strerror(-r));
	*end = shown->over ? DESKTOP_CLOSED : DESKTOP_LEFT;
	return 0;
}
