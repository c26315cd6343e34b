/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A WebSocket and its child: the bytes of one go to the other, each as fast as the other one takes them. */
#ifndef BERTH_GATEWAY_SOCKET_H
#define BERTH_GATEWAY_SOCKET_H

#include "gateway/attach.h"
#include "gateway/gateway.h"

#include <microhttpd.h>

struct socket_spec {
	struct attach attach; /* owned by the socket from then on */
	bool local;           /* the kernel has told who the user is */
	int fd;               /* of the connection, which libmicrohttpd closes by urh */
	struct MHD_UpgradeResponseHandle *urh;
	const char *early; /* bytes that came with the head */
	size_t length;
};

/* Begins one. The room that the caller has taken for what lasts goes with it. */
void socket_begin(struct gateway *gateway, struct socket_spec *spec);
/* Whether a user whom the kernel has not told has one. */
bool socket_lasts(const struct gateway *gateway, const char *user);
/* Ends those, since a rule forbids them (1008). NULL: all, since the program ends (1001). */
void socket_end_all(struct gateway *gateway, const char *user);
/* Gives all of them up, before libmicrohttpd stops. */
void socket_abandon(struct gateway *gateway);
/* Breaks off what nobody reads, and asks who is silent whether he is there. */
void socket_tick(struct gateway *gateway, int64_t now, int64_t *next);

#endif
