/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes between a display and a viewer. Neither can make us wait, or keep more than two buffers. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/rfb.h"
#include "machine/desktop/rfb_shown.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LANE_ROOM = 65536, LAST_TURNS = 16 };

/* A direction of the connection. */
struct lane {
	int from, to; /* borrowed */
	size_t at, end;
	bool over; /* from has closed */
	/* Chooses the bytes that are passed on, as rfb_filter does; NULL: all are. */
	long (*filter)(void *context, const unsigned char *bytes, size_t n, unsigned char *out);
	void *context; /* borrowed */
	unsigned char bytes[LANE_ROOM];
};

static long filter_viewer(void *context, const unsigned char *bytes, size_t n, unsigned char *out)
{
	return rfb_filter(context, bytes, n, out);
}

static long filter_display(void *context, const unsigned char *bytes, size_t n, unsigned char *out)
{
	return rfb_shown_filter(context, bytes, n, out);
}

static bool waits(const struct lane *lane)
{
	return lane->at < lane->end;
}

/* Reads when nothing waits. The filter needs room for what it kept. 0 or -errno. */
static int fill(struct lane *lane)
{
	unsigned char raw[LANE_ROOM - RFB_ADDED];
	ssize_t n = read(lane->from, raw, sizeof raw);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	lane->over = n == 0;
	lane->at = 0;
	if (lane->filter) {
		long passed = lane->filter(lane->context, raw, (size_t)n, lane->bytes);
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
static int turn(struct lane *lane, const struct pollfd polls[2])
{
	int r = 0;

	if (polls[0].fd >= 0 && polls[0].revents && waits(lane))
		lane->over = true;
	else if (polls[0].fd >= 0 && polls[0].revents)
		r = fill(lane);
	if (r == 0 && polls[1].fd >= 0 && polls[1].revents)
		r = drain(lane);
	return r;
}

/* ---- The control */

static bool may_act(void *context, bool press)
{
	return !context || viewers_may_act(context, press);
}

static void tell(const struct desktop_carriage *carriage)
{
	if (carriage->tell)
		carriage->tell(carriage->viewers);
}

/* Wishes by signals. */
static void take_wish(const struct desktop_carriage *carriage)
{
	struct signalfd_siginfo got;

	if (read(carriage->wishes, &got, sizeof got) != sizeof got || !carriage->viewers)
		return;
	if (got.ssi_signo == SIGUSR1)
		viewers_take(carriage->viewers);
	else
		viewers_give(carriage->viewers);
	tell(carriage);
}

/* Keys and buttons that are pressed when the control is lost are let go. */
static int heed_control(const struct desktop_carriage *carriage, struct rfb_filter *filter,
			struct lane *acts, struct err *err)
{
	const struct viewers *viewers = carriage->viewers;

	if (!viewers || viewers->control == VIEWERS_OURS)
		return 0;
	if (filter->opaque && !viewers_may_act(carriage->viewers, true))
		return err_set(
			err, EBUSY,
			"another viewer controls the desktop, and this one cannot only look: "
			"what it sends is no RFB of version 3.7 or 3.8 without a password");
	if (!waits(acts)) {
		acts->at = 0;
		acts->end = rfb_let_go(filter, acts->bytes);
	}
	return 0;
}

enum { POLL_BELL = 4, POLL_SIGNALS, POLL_WISHES, POLLS };

static int wait_for(const struct desktop_carriage *carriage, const struct lane lanes[2],
		    struct pollfd polls[POLLS], struct err *err)
{
	ask(polls, &lanes[0]);
	ask_viewer(polls + 2, &lanes[1]);
	polls[POLL_BELL] = (struct pollfd){ .fd = carriage->viewers ? carriage->viewers->bell : -1,
					    .events = POLLIN };
	polls[POLL_SIGNALS] = (struct pollfd){ .fd = carriage->signals, .events = POLLIN };
	polls[POLL_WISHES] = (struct pollfd){ .fd = carriage->wishes, .events = POLLIN };
	for (int i = 0; i < POLLS; i++)
		polls[i].revents = 0;
	if (poll(polls, POLLS, -1) < 0 && errno != EINTR)
		return err_set(err, errno, "wait for a viewer: %s", strerror(errno));
	/* Before what the viewer has sent. */
	if (polls[POLL_WISHES].revents)
		take_wish(carriage);
	if (polls[POLL_BELL].revents) {
		viewers_look(carriage->viewers);
		tell(carriage);
	}
	return 0;
}

/* Bytes that a viewer has sent before it left are passed on, as far as the display takes them at once. */
static int carry_last(struct lane *acts)
{
	struct pollfd polls[2] = { 0 };
	int s = 0;

	for (int i = 0; s == 0 && !acts->over && i < LAST_TURNS; i++) {
		ask(polls, acts);
		if (poll(polls, 2, 0) <= 0)
			break;
		s = turn(acts, polls);
	}
	return s;
}

/* Turns until a side closes, or a signal comes. *s: of what the viewer sends. */
static int carry(const struct desktop_carriage *carriage, struct rfb_filter *filter,
		 struct lane lanes[2], int *s, struct err *err)
{
	struct lane *shown = &lanes[0], *acts = &lanes[1];
	struct pollfd polls[POLLS];
	int r = 0;

	/* The last bytes of a display reach its viewer; those of a viewer that has left are of no use. */
	while (r == 0 && *s == 0 && !acts->over && (!shown->over || waits(shown))) {
		if (wait_for(carriage, lanes, polls, err) < 0)
			return -err->code;
		if (polls[POLL_SIGNALS].revents) {
			*s = carry_last(acts);
			return 0;
		}
		enum viewers_control had =
			carriage->viewers ? carriage->viewers->control : VIEWERS_FREE;
		r = turn(shown, polls);
		*s = turn(acts, polls + 2);
		if (carriage->viewers && carriage->viewers->control != had)
			tell(carriage);
		if (heed_control(carriage, filter, acts, err) < 0)
			return -err->code;
	}
	return r;
}

static bool is_filtered(const struct desktop_carriage *carriage)
{
	return carriage->view_only || carriage->viewers || carriage->no_paste || carriage->no_copy;
}

/* r, s: of what the display and the viewer have sent. */
static int judge(int r, int s, const struct rfb_filter *filter, const struct rfb_shown *shown,
		 struct err *err)
{
	if (s == -EPROTO)
		return err_set(err, EPROTO, "the viewer was refused: %s", filter->fault);
	if (r == -EPROTO)
		return err_set(err, EPROTO,
			       "the display was refused, for desktop.clipboard is in or off, and "
			       "what it shows cannot be followed: %s",
			       shown->fault);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return err_set(err, -r, "write to the viewer: %s", strerror(-r));
	return 0;
}

int desktop_carry(const struct desktop_carriage *carriage, enum desktop_end *end, struct err *err)
{
	bool strict = carriage->view_only || carriage->no_paste || carriage->no_copy;
	struct rfb_filter filter = { .lenient = !strict,
				     .no_paste = carriage->no_paste,
				     .no_copy = carriage->no_copy,
				     .may_act = carriage->view_only ? NULL : may_act,
				     .context = carriage->viewers };
	struct rfb_shown shown = { .viewer = &filter };
	struct lane lanes[2] = { { .from = carriage->display, .to = carriage->out },
				 { .from = carriage->in, .to = carriage->display } };
	int s = 0;

	if (is_filtered(carriage))
		lanes[1].filter = filter_viewer, lanes[1].context = &filter;
	if (carriage->no_copy)
		lanes[0].filter = filter_display, lanes[0].context = &shown;
	signal(SIGPIPE, SIG_IGN);
	if (carriage->viewers)
		tell(carriage);
	int r = carry(carriage, &filter, lanes, &s, err);
	if (err->code)
		return -err->code;
	*end = lanes[0].over ? DESKTOP_CLOSED : DESKTOP_LEFT;
	return judge(r, s, &filter, &shown, err);
}
