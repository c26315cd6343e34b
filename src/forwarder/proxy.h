/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes connections and passes them on to a machine, all in one thread, which never waits for one of them. It sleeps
 * unless something has happened, or a connection to the machine is being made.
 */
#ifndef BERTH_FORWARDER_PROXY_H
#define BERTH_FORWARDER_PROXY_H

#include "forwarder/flow.h"
#include "forwarder/forwarder.h"

#include <netinet/in.h>
#include <stdint.h>

enum side { CLIENT, GUEST, SIDES };

enum proxy_connection_state {
	CONNECTION_UNUSED,
	CONNECTION_ASKING,     /* whether the machine is awake */
	CONNECTION_CONNECTING, /* to the machine */
	CONNECTION_RESTING,    /* until the next try: the machine was started a while ago */
	CONNECTION_OPEN,
	CONNECTION_DEAD, /* until the events that were read with its last one are done */
};

struct proxy_connection {
	enum proxy_connection_state state;
	int fds[SIDES];
	uint32_t events[SIDES]; /* that the side is watched for */
	bool watched[SIDES];
	struct flow flows[SIDES];      /* that begins at the side */
	uint16_t port;                 /* the machine's */
	bool six;                      /* the client has an IPv6 address */
	unsigned tries;                /* addresses of the machine that were tried */
	int64_t until;                 /* when the connection to the machine is given up */
	int64_t fresh_until;           /* until when a machine that refuses it is tried again */
	struct proxy_connection *next; /* of those unused, or dead */
};

struct listener {
	int fd;
	uint16_t port; /* the machine's */
};

struct proxy {
	int epoll;
	struct in_addr address; /* the machine's */
	struct in6_addr address6;
	bool ipv6;   /* it has the latter */
	int ask;     /* the parent, which is asked for the addresses; -1: they are known */
	bool asked;  /* and it has not answered yet */
	int use;     /* owned: the file that is locked while the machine is used, -1: none */
	bool used;   /* it is locked */
	bool header; /* the machine is told who connects */
	struct listener listeners[FORWARDER_LISTENERS_MAX];
	size_t listener_count;
	bool listening;
	int64_t rest_until; /* no connection is taken before, since the kernel was short of something */
	struct proxy_connection *connections; /* owned */
	size_t most;                          /* their number */
	size_t connecting;                    /* those that have a time limit */
	size_t count;                         /* those that there are */
	struct proxy_connection *unused, *dead;
	struct pipes pipes;
};

/* Makes the room for so many connections, and the first watch of the listening sockets. 0 or -errno. */
int proxy_begin(struct proxy *proxy, size_t most);
/* Returns only if it cannot go on: -errno. */
int proxy_run(struct proxy *proxy);

/* ---- connection.c */

/* Takes over the socket of a client, for the machine's port. False: there is no room. */
bool proxy_connection_begin(struct proxy *proxy, int client, uint16_t port);
void proxy_connection_event(struct proxy *proxy, struct proxy_connection *connection,
			    enum side side);
/* The parent's answer. 0, or -errno: the parent has ended. */
int proxy_connections_answered(struct proxy *proxy);
/* Ends it if the machine took too long, or tries again. */
void proxy_connection_tick(struct proxy *proxy, struct proxy_connection *connection, int64_t now);

/* ---- header.c */

enum { HEADER_MAX = 52 };
/*
 * The header of the PROXY protocol, version 2, for a client's connection: its length, or 0. Version 2 has a length, and
 * no text that has to be parsed; every server that knows the protocol knows it.
 */
size_t header_make(int client, unsigned char header[HEADER_MAX]);

#endif
