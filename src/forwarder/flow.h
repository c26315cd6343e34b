/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One direction of a connection: bytes go from a socket into a pipe of the kernel and from there into the other socket,
 * and never through this process. A flow has a pipe only while there are bytes in it.
 */
#ifndef BERTH_FORWARDER_FLOW_H
#define BERTH_FORWARDER_FLOW_H

#include <stdbool.h>
#include <stddef.h>

/* Pipes that no flow has now. */
struct pipes {
	int list[64][2];
	size_t count;
};

struct flow {
	bool piped; /* pipe is filled in */
	int pipe[2];
	size_t held; /* bytes in the pipe, which the receiver has not taken */
	bool ended;  /* the sender has sent its last byte */
	bool closed; /* the receiver knows that */
};

/*
 * Moves what the sender has sent and the receiver takes, at most a few pipes full, so that no flow keeps others
 * waiting; then passes the sender's end on. 0, or -errno: one of the sockets is broken.
 */
int flow_pump(struct flow *flow, int from, int to, struct pipes *pipes);

/* Gives the pipe back. */
void flow_free(struct flow *flow, struct pipes *pipes);

#endif
