/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of berth-api, the program between HTTP and the router (`berth api --cgi`). It knows connections, users, HTTP
 * and WebSocket, and nothing of machines: each request is a child of its own that speaks CGI (RFC 3875). One thread
 * with one epoll(7) does all: a program that forks has no use for threads, and nothing here needs a lock.
 */
#ifndef BERTH_GATEWAY_GATEWAY_H
#define BERTH_GATEWAY_GATEWAY_H

#include "gateway/limits.h"
#include "gateway/process.h"
#include "gateway/slots.h"
#include "gateway/ticket.h"
#include "gateway/web.h"

#include <stdbool.h>
#include <stdint.h>

struct account;
struct cgi;
struct connection;
struct request;
struct web_socket;

struct gateway {
	int epoll; /* owned */
	struct limits limits;
	struct slots slots;
	struct processes processes;
	const char
		*router; /* borrowed: the program that a request runs, with the words "api --cgi" */
	struct connection *connections; /* all that are open */
	struct request *requests;       /* all whose first line has come */
	struct web_socket *sockets;     /* all that were not freed */
	struct tickets tickets;
	struct cgi *children; /* all that were not freed */
	bool resumed;         /* libmicrohttpd has to look at its connections again */
	struct web web;
	struct account *accounts; /* of users who have signed in */
	bool draining;            /* it ends as soon as it can */
};

/* Makes the earlier of both the next deadline; 0 is none. */
static inline void gateway_sooner(int64_t *next, int64_t deadline)
{
	if (deadline && (!*next || deadline < *next))
		*next = deadline;
}

#endif
