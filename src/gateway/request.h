/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request, from its first line to the end of its answer: its head is checked, its body collected, a child started
 * when there is room, and the child's answer passed on as fast as the client takes it.
 */
#ifndef BERTH_GATEWAY_REQUEST_H
#define BERTH_GATEWAY_REQUEST_H

#include "gateway/answer.h"
#include "gateway/connection.h"
#include "gateway/gateway.h"
#include "gateway/peer.h"
#include "gateway/watch.h"

enum request_stage {
	REQUEST_TAKES, /* its body comes */
	REQUEST_WAITS, /* for room for a child */
	REQUEST_RUNS,  /* the child has said nothing yet */
	REQUEST_ANSWERS,
};

struct request {
	struct gateway *gateway;
	struct request *next;
	struct MHD_Connection *http; /* borrowed */
	struct connection *connection;
	char *target;      /* owned: the path, and behind it the query */
	const char *query; /* borrowed */
	const char *method;
	char user[PEER_NAME];
	enum request_stage stage;
	bool begun; /* its head has been checked */
	bool here;  /* it is answered or refused without a child */
	bool has_body;
	enum MHD_Result (*answer)(
		struct request *request); /* NULL: the router does, or fault says why not */
	bool streams;                     /* its body is passed on as it comes */
	bool looks;     /* it changes nothing: the child may end with the client */
	bool suspended; /* libmicrohttpd does nothing with it until it is resumed */
	bool gone;      /* the client, or what the child was to say */
	int body;       /* owned; -1: none */
	uint64_t taken; /* bytes of the body */
	struct cgi *cgi;
	bool signs_in;               /* with a password, which is in its body */
	struct login *login;         /* the program that judges it, while it runs */
	char secret[SESSION_SECRET]; /* of the session that it begins */
	struct slot_waiter waiter;
	struct watch socket; /* of the connection, while it is suspended */
	int64_t deadline;    /* of the stage; 0: none */
	struct answer_fault fault;
};

/* A new one for "/PATH?QUERY". NULL: out of memory. */
struct request *request_new(struct gateway *gateway, struct MHD_Connection *http,
			    const char *target);
/* Called by libmicrohttpd for the head, for each piece of the body, and at its end (MHD_AccessHandlerCallback). */
enum MHD_Result request_handle(struct request *request, const char *method, const char *data,
			       size_t *size);
/* The request is over, well or not. */
void request_end(struct request *request);
/* Ends what took too long. */
void request_tick(struct gateway *gateway, int64_t now, int64_t *next);

/* Whether a user whom the kernel has not told has an answer that lasts. */
bool request_lasts(const struct gateway *gateway, const char *user);
/* Ends them. */
void request_end_all(struct gateway *gateway, const char *user);
/* Ends the answers that have no end of their own. */
void request_drain(struct gateway *gateway);
/* Gives all of them up, before libmicrohttpd stops. */
void request_abandon(struct gateway *gateway);

#endif
