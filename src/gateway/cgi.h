/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child that answers one request by CGI: its input, its answer, and its end. */
#ifndef BERTH_GATEWAY_CGI_H
#define BERTH_GATEWAY_CGI_H

#include "base/err.h"
#include "gateway/cgi_head.h"
#include "gateway/environment.h"
#include "gateway/gateway.h"
#include "gateway/watch.h"

#include <sys/types.h>

struct cgi {
	struct gateway *gateway;
	struct cgi *next;
	struct process process;
	struct watch input;  /* of the pipe to its standard input; -1: it has all */
	struct watch output; /* of the pipe from its standard output; -1: it has ended */
	struct cgi_head head;
	bool has_head;
	int fault;                     /* -errno: it gave no head, and will not */
	bool lasting;                  /* it has room for what lasts, and none of the requests' */
	bool ends;                     /* it was sent a signal to end */
	int64_t deadline;              /* of its end; 0: none */
	size_t start, length;          /* of the bytes in buffer that are not head */
	char buffer[LIMIT_HEAD_BYTES]; /* the head, and what was read with it */
	void (*changed)(void *owner);  /* there is a head, a fault, more to read or room to write */
	void *owner;                   /* NULL: nobody wants the answer any more */
};

struct cgi_spec {
	struct environment *env;
	int body; /* borrowed: a file with the body of the request; -1: it is written with cgi_write */
	void (*changed)(void *owner);
	void *owner;
};

/* Starts the router; the slot that the caller has taken goes with the child. NULL, with err, and without a slot. */
struct cgi *cgi_start(struct gateway *gateway, const struct cgi_spec *spec, struct err *err);

/* Passes bytes of the body on. Their number; -EAGAIN: changed tells when there is room; -EPIPE: it reads no more. */
ssize_t cgi_write(struct cgi *cgi, const char *bytes, size_t n);
/* Ends its input: the body is whole. */
void cgi_close_input(struct cgi *cgi);

/* Reads its body. Bytes; 0: it is whole; -EAGAIN: changed tells when there is more; -EPIPE: it broke off. */
ssize_t cgi_read(struct cgi *cgi, char *out, size_t room);

/* Moves it to the room for what lasts: -EBUSY if there is none. */
int cgi_last(struct cgi *cgi);
/* Ends it, by SIGTERM, later by SIGKILL. */
void cgi_end(struct cgi *cgi);
/* The owner goes. The child is freed when it has ended; what it writes until then is lost. */
void cgi_leave(struct cgi *cgi);

/* Kills those that did not end in time. */
void cgi_tick(struct gateway *gateway, int64_t now, int64_t *next);

#endif
