/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pseudo-terminals of the host, and pipes. */
#include "gateway/terminal.h"

#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { COLUMNS = 80, ROWS = 24 };

static void clear(struct streams *streams)
{
	for (int i = 0; i < 3; i++)
		streams->near[i] = streams->far[i] = -1;
}

void streams_close(int *fds)
{
	for (int i = 0; i < 3; i++)
		scoped_close_fd(&fds[i]);
}

static int undo(struct streams *streams)
{
	int code = errno;

	streams_close(streams->near);
	streams_close(streams->far);
	return -code;
}

int streams_open_terminal(struct streams *streams)
{
	clear(streams);
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (master < 0)
		return -errno;
	streams->near[0] = master;
	/* Another number for the same: an epoll has each once, with one set of events. */
	streams->near[1] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (streams->near[1] < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return undo(streams);
	for (int i = 0; i < 3; i++) {
		streams->far[i] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (streams->far[i] < 0)
			return undo(streams);
	}
	streams_resize(streams, COLUMNS, ROWS);
	return 0;
}

int streams_open_pipes(struct streams *streams)
{
	clear(streams);
	for (int i = 0; i < 3; i++) {
		int pair[2];
		if (pipe2(pair, O_CLOEXEC) < 0)
			return undo(streams);
		streams->near[i] = pair[i == 0 ? 1 : 0];
		streams->far[i] = pair[i == 0 ? 0 : 1];
		if (fcntl(streams->near[i], F_SETFL, O_NONBLOCK) < 0)
			return undo(streams);
	}
	return 0;
}

void streams_resize(const struct streams *streams, unsigned short columns, unsigned short rows)
{
	struct winsize size = { .ws_col = columns, .ws_row = rows };

	ioctl(streams->near[0], TIOCSWINSZ, &size);
}
