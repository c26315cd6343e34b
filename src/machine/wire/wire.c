/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/wire/wire.h"

#include "base/bytes.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum {
	PIECE = 64 << 10,
	RATE_BANK = 200000, /* microseconds */
	FRAME_BYTES = 4,
};

/* ---- Lines */

/* Waits until a descriptor is ready, and reads one byte. 1, 0 at the end, -errno. */
static int read_byte(int fd, char *byte, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - clock_ms();
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int ready = left <= 0 ? 0 : poll(&poll_fd, 1, (int)left);
		if (ready == 0)
			return -ETIMEDOUT;
		ssize_t n = ready < 0 ? -1 : read(fd, byte, 1);
		if (n >= 0)
			return (int)n;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int wire_read(struct wire *wire, char line[WIRE_LINE])
{
	int64_t deadline = clock_ms() + (int64_t)wire->seconds * 1000;
	size_t n = 0;
	char byte;
	int r;

	if (wire->lines++ >= WIRE_LINES)
		return -EBADMSG;
	while ((r = read_byte(wire->fd, &byte, deadline)) > 0 && byte != '\n') {
		if (n + 1 >= WIRE_LINE)
			return -EBADMSG;
		line[n++] = iscntrl((unsigned char)byte) ? '?' : byte;
	}
	line[n] = '\0';
	/* A line without its end was cut off. */
	return r == 0 && n > 0 ? -EBADMSG : r;
}

/* ---- The pump */

/*
 * Waits until the next bytes may pass, after so many have. due: when these are paid for, in microseconds of clock_ms; a
 * stall earns less than a second of it, so that no burst follows.
 */
static void keep_rate(uint64_t moved, uint64_t rate, int64_t *due)
{
	int64_t now = clock_ms() * 1000;

	if (!rate)
		return;
	if (*due < now - RATE_BANK)
		*due = now - RATE_BANK;
	*due += (int64_t)(moved * 1000000 / rate);
	if (*due > now)
		poll(NULL, 0, (int)((*due - now + 999) / 1000));
}

static bool is_ready(int fd, short events, unsigned seconds)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	int r;

	do
		r = poll(&poll_fd, 1, seconds ? (int)seconds * 1000 : -1);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

static int put(const struct wire_end *to, const char *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		if (!is_ready(to->fd, POLLOUT, to->seconds))
			return -ETIMEDOUT;
		ssize_t done = write(to->fd, bytes + at, n - at);
		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		at += done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* At least one byte: their number; 0 at the end, or -errno. */
static ssize_t get(const struct wire_end *from, char *bytes, size_t most)
{
	ssize_t n;

	do {
		if (!is_ready(from->fd, POLLIN, from->seconds))
			return -ETIMEDOUT;
		n = read(from->fd, bytes, most);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -errno : n;
}

/* The length of the next piece; 0: there is none, or -errno. */
static int64_t get_length(const struct wire_end *from)
{
	unsigned char bytes[FRAME_BYTES] = { 0 };

	for (size_t at = 0; at < sizeof bytes;) {
		ssize_t n = get(from, (char *)bytes + at, sizeof bytes - at);
		if (n <= 0)
			return n < 0 ? n : -ECONNRESET;
		at += (size_t)n;
	}
	return (int64_t)bytes_le32(bytes);
}

static int put_length(const struct wire_end *to, size_t n)
{
	uint32_t length = htole32((uint32_t)n);

	return put(to, (const char *)&length, sizeof length);
}

int wire_pass(const struct wire_end *from, const struct wire_end *to, uint64_t rate)
{
	static char bytes[PIECE];
	/* A tenth of a second at a time, so that a low rate is even. */
	size_t most = rate && rate / 10 < PIECE ? (size_t)(rate / 10) + 1 : PIECE;
	int64_t due = clock_ms() * 1000, left = 0;

	for (;;) {
		if (from->framed && left == 0 && (left = get_length(from)) <= 0)
			return (int)left;
		ssize_t n = get(from, bytes,
				from->framed && (uint64_t)left < most ? (size_t)left : most);
		if (n == 0 && from->framed)
			return -ECONNRESET;
		if (n <= 0)
			return n < 0 ? (int)n : to->framed ? put_length(to, 0) : 0;
		int r = to->framed ? put_length(to, (size_t)n) : 0;
		if (r == 0)
			r = put(to, bytes, (size_t)n);
		if (r < 0)
			return r;
		left -= from->framed ? n : 0;
		keep_rate((uint64_t)n, rate, &due);
	}
}

/* Makes the pipe and the process; sends: the near end is the writing one. */
static int start(struct pump *pump, const struct pump_spec *spec, bool sends)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int near = sends ? ends[1] : ends[0], inside = sends ? ends[0] : ends[1];
	scoped_fd int parent = child_parent();
	pid_t pid = parent < 0 ? -1 : fork();
	if (pid == 0) {
		close(near);
		signal(SIGPIPE, SIG_IGN);
		/* The far end must not block a write that poll(2) has allowed, so that the deadline holds. */
		if (sends)
			fcntl(spec->fd, F_SETFL, fcntl(spec->fd, F_GETFL) | O_NONBLOCK);
		else if (child_tie(parent, SIGKILL) < 0)
			_exit(EXIT_FAILURE);
		const struct wire_end ours = { .fd = inside };
		const struct wire_end far = { .fd = spec->fd,
					      .seconds = spec->seconds,
					      .framed = spec->framed };
		int r = sends ? wire_pass(&ours, &far, spec->rate)
			      : wire_pass(&far, &ours, spec->rate);
		_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	int r = parent < 0 ? parent : pid < 0 ? -errno : 0;
	close(inside);
	if (pid < 0)
		close(near);
	*pump = (struct pump){ .pid = pid, .fd = pid < 0 ? -1 : near };
	return r;
}

int pump_to(struct pump *pump, const struct pump_spec *spec)
{
	return start(pump, spec, true);
}

int pump_from(struct pump *pump, const struct pump_spec *spec)
{
	return start(pump, spec, false);
}

bool pump_is_dry(const struct pump *pump)
{
	struct pollfd poll_fd = { .fd = pump->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLIN)) == POLLHUP;
}

int pump_end(struct pump *pump)
{
	scoped_close_fd(&pump->fd);
	if (pump->pid <= 0)
		return 0;
	int status = child_wait(pump->pid);
	pump->pid = 0;
	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
