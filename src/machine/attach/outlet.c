/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/attach/outlet.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

void outlet_open(struct outlet *outlet, int fd)
{
	*outlet = (struct outlet){ .fd = fd, .other = -1 };
}

bool outlet_waits(const struct outlet *outlet)
{
	return outlet->at < outlet->end;
}

char *outlet_room(struct outlet *outlet, size_t *room)
{
	*room = outlet_waits(outlet) ? 0 : sizeof outlet->data;
	return outlet->data;
}

/*
 * An open file description of our own: O_NONBLOCK on a shared one would also affect other processes, such as the shell
 * that has started us. The position of a file is shared in the same way, so files keep the shared one.
 */
static void look(struct outlet *outlet)
{
	char path[32];
	struct stat st;

	outlet->known = true;
	if (fstat(outlet->fd, &st) < 0 || S_ISSOCK(st.st_mode)) {
		outlet->direct = false;
	} else if (!S_ISFIFO(st.st_mode) && !isatty(outlet->fd)) {
		outlet->direct = true;
	} else {
		snprintf(path, sizeof path, "/proc/self/fd/%d", outlet->fd);
		outlet->other = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
}

void outlet_add(struct outlet *outlet, size_t n)
{
	outlet->at = 0;
	outlet->end = n;
	if (!outlet->known)
		look(outlet);
	/* Other outlets are written to only after poll, which tells whether there is room. */
	if (outlet->direct || outlet->other >= 0)
		outlet_write(outlet);
}

void outlet_write(struct outlet *outlet)
{
	bool bounded = !outlet->direct && outlet->other < 0;
	int fd = outlet->other >= 0 ? outlet->other : outlet->fd;

	while (outlet_waits(outlet)) {
		size_t left = outlet->end - outlet->at;
		/* The amount that fits in any case when poll reports room. */
		ssize_t n = write(fd, outlet->data + outlet->at,
				  bounded && left > PIPE_BUF ? PIPE_BUF : left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			outlet->error = errno;
			outlet->end = outlet->at;
			return;
		}
		outlet->used = true;
		outlet->at += (size_t)n;
		if (bounded)
			return;
	}
}

void outlet_close(struct outlet *outlet)
{
	int copy = outlet->used && !outlet->error ? dup(outlet->fd) : -1;

	if (copy >= 0 && close(copy) < 0)
		outlet->error = errno;
	scoped_close_fd(&outlet->other);
}
