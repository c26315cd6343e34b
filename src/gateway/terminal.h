/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The standard streams of a socket's child: a pseudo-terminal, or pipes. */
#ifndef BERTH_GATEWAY_TERMINAL_H
#define BERTH_GATEWAY_TERMINAL_H

/* Near ends do not block. Far ends are the child's; -1: it has that of the gateway. All are owned. */
struct streams {
	int near[3],
		far[3]; /* standard input, output, error; far error of a terminal is its output */
};

/* 0 or -errno, with nothing open. */
int streams_open_terminal(struct streams *streams);
int streams_open_pipes(struct streams *streams);
void streams_close(int *fds);
void streams_resize(const struct streams *streams, unsigned short columns, unsigned short rows);

#endif
