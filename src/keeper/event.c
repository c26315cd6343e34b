/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/event.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "keeper/event_count.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { LOCK_MILLISECONDS = 2000, VALUE_MAX = 512 };

/*
 * The lock has a deadline, since a stopped writer must not stop all others. It is polled, because it is held for
 * microseconds; the process of lock_wait() would cost more.
 */
static int lock_file(int fd)
{
	struct timespec pause = { .tv_nsec = 100000 };

	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (waited >= LOCK_MILLISECONDS * 10)
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* The file that has the name while we hold its lock: it may have been rotated while we waited. */
static int open_locked(int dir_fd, const char *path, off_t *size)
{
	for (;;) {
		scoped_fd int fd =
			openat(dir_fd, path,
			       O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW,
			       0600);
		struct stat held;

		int r = fd < 0 ? -errno : lock_file(fd);
		if (r < 0)
			return r;
		if (fstat(fd, &held) < 0)
			return -errno;
		/* A FIFO would take some lines, and then hold all keepers. */
		if (!S_ISREG(held.st_mode))
			return -EMEDIUMTYPE;
		*size = held.st_size;
		if (file_has_name(&held, dir_fd, path))
			return take_fd(&fd);
	}
}

/* The number of the last whole line, 0 for none; *size becomes where that line ends. */
static uint64_t last_number(int fd, off_t *size)
{
	char tail[EVENT_LINE_MAX + 1];
	off_t from = *size > EVENT_LINE_MAX ? *size - EVENT_LINE_MAX : 0;
	ssize_t n = pread(fd, tail, EVENT_LINE_MAX, from);

	while (n > 0 && tail[n - 1] != '\n')
		n--;
	if (n < 0 || (n == 0 && from > 0))
		return 0;
	*size = from + n;
	if (n == 0)
		return 0;
	tail[--n] = '\0';
	const char *before = memrchr(tail, '\n', (size_t)n);
	return event_number(before ? before + 1 : tail);
}

/* The number of the last event in the older file, when a new file begins. */
static uint64_t number_before(int dir_fd, const char *older)
{
	scoped_fd int fd = file_open_regular(dir_fd, older, O_NOFOLLOW);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	return size > 0 ? last_number(fd, &size) : 0;
}

/* RFC 8259. Bytes beyond ASCII, which a program's words may have in any encoding, become '?'. */
static void add_member(struct text *line, const char *name, const char *value)
{
	if (!value)
		return;
	text_add(line, ",\"%s\":\"", name);
	for (size_t i = 0; i < VALUE_MAX && value[i]; i++) {
		unsigned char c = (unsigned char)value[i];
		if (c < 0x20 || c == 0x7f)
			text_add(line, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			text_add(line, "\\%c", c);
		else
			text_add(line, "%c", c < 0x80 ? c : '?');
	}
	text_add(line, "\"");
}

static void compose(struct text *line, uint64_t number, const struct event *event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	text_add(line, "{\"seq\":%" PRIu64 ",\"time\":%lld,\"microsecond\":%ld", number,
		 (long long)now.tv_sec, now.tv_nsec / 1000);
	add_member(line, "event", event->name);
	add_member(line, "machine", event->machine);
	add_member(line, "template", event->template);
	add_member(line, "volume", event->volume);
	add_member(line, "from", event->from);
	add_member(line, "snapshot", event->snapshot);
	add_member(line, "limit", event->limit);
	add_member(line, "pool", event->pool);
	add_member(line, "network", event->network);
	add_member(line, "outcome", event->outcome);
	add_member(line, "cause", event->cause);
	text_add(line, "}\n");
}

static int append(int fd, off_t size, uint64_t number, const struct event *event)
{
	scoped_text struct text line = { 0 };

	compose(&line, number, event);
	if (line.failed)
		return -ENOMEM;
	if (line.length > EVENT_LINE_MAX)
		return -E2BIG;
	ssize_t n = write(fd, line.data, line.length);
	if (n == (ssize_t)line.length)
		return 0;
	int r = n < 0 ? -errno : -ENOSPC;
	return n > 0 && ftruncate(fd, size) < 0 ? -errno : r;
}

int event_write(int dir_fd, const char *path, const struct event *event)
{
	scoped_free char *older = text_format("%s.1", path);

	if (!older)
		return -ENOMEM;
	for (;;) {
		off_t size = 0;
		scoped_fd int fd = open_locked(dir_fd, path, &size);
		if (fd < 0)
			return fd;
		/* A file that has lost its name gets no more events, so a reader may leave it for good. */
		if (size > EVENT_FILE_MAX - EVENT_LINE_MAX) {
			event_counts_keep(dir_fd, path, fd);
			if (renameat(dir_fd, path, dir_fd, older) == 0)
				continue;
		}
		off_t whole = size;
		uint64_t last = last_number(fd, &whole);
		/* A line cut by a kill or a full disk would spoil ours. */
		if (whole < size && ftruncate(fd, whole) < 0)
			return -errno;
		if (last == 0)
			last = number_before(dir_fd, older);
		return append(fd, whole, last + 1, event);
	}
}
