/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/1.1 by libmicrohttpd on one listening socket. */
#ifndef BERTH_GATEWAY_SERVER_H
#define BERTH_GATEWAY_SERVER_H

#include "base/err.h"
#include "gateway/gateway.h"

#include <stdbool.h>

struct MHD_Daemon;

struct server {
	struct gateway *gateway;
	struct MHD_Daemon *daemon; /* owned */
	bool local;                /* a unix socket */
};

/* Takes over a socket that listens, also if it fails. 0 or -code. */
int server_open(struct server *server, struct gateway *gateway, int fd, struct err *err);
/* Does what has become possible. */
void server_run(struct server *server);
/* Milliseconds after which it wants to run at the latest; -1: when a descriptor is ready. */
int server_patience(const struct server *server);
/* Takes no further connections. The socket that has listened, which the caller then owns; -1: it was called before. */
int server_quiesce(struct server *server);
void server_close(struct server *server);

#endif
