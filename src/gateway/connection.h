/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection, which may carry several requests: the time in which the next head has to come. */
#ifndef BERTH_GATEWAY_CONNECTION_H
#define BERTH_GATEWAY_CONNECTION_H

#include "gateway/gateway.h"

struct connection {
	struct gateway *gateway;
	struct connection *next;
	int fd;           /* borrowed from libmicrohttpd */
	bool local;       /* it comes over a unix socket */
	int64_t deadline; /* of the head of the next request; 0: a request is at work */
};

struct connection *connection_new(struct gateway *gateway, int fd, bool local);
/* A request begins, or is over. */
void connection_works(struct connection *connection);
void connection_waits(struct connection *connection);
/* Breaks it off, so that libmicrohttpd sees its end and closes it. */
void connection_cut(struct connection *connection);
/* Breaks those off that carry no request. */
void connection_drain(struct gateway *gateway);
void connection_end(struct connection *connection);
void connection_tick(struct gateway *gateway, int64_t now, int64_t *next);

#endif
