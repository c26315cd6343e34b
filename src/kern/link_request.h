/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to rtnetlink by libnl, and their results as -errno. For the files of kern/link alone. */
#ifndef BERTH_KERN_LINK_REQUEST_H
#define BERTH_KERN_LINK_REQUEST_H

#include "kern/link_calls.h"

struct link_socket {
	struct nl_sock *nl;
	int code; /* what the kernel answered to the last request: -errno, or 0 */
	char why[160];
};

/* Clears the reason of the last failure. */
void link_request_begin(struct link_socket *links);

/* Converts libnl's result of a request to 0 or -errno, and keeps the reason of a failure. */
int link_request_finish(struct link_socket *links, int result);

/* Sends a message and waits for its answer. Frees the message; NULL: -ENOMEM. */
int link_request_send(struct link_socket *links, struct nl_msg *message);

/*
 * Sends messages in one piece and waits for all answers, of which the first failure counts. *failed, unless it is NULL:
 * the index of its message. Frees the messages; any NULL: -ENOMEM, and none is sent.
 */
int link_request_send_all(struct link_socket *links, struct nl_msg **messages, size_t count,
			  size_t *failed);

/* A change to one link, without attributes yet. NULL: out of memory. */
struct nl_msg *link_request_change(int index, unsigned flags);

/* A request for a table. NULL: out of memory. */
struct nl_msg *link_request_ask(int type, const void *head, size_t size);

/* The head of a message, whose length is checked; NULL: the message is too short for it. */
const void *link_request_head(struct nl_msg *message, size_t size);
/* Copies an attribute that is behind the head of a message. False: it is missing, or has another size. */
bool link_request_find(struct nl_msg *message, size_t head, int type, void *value, size_t size);

/* Requests a table, and calls each for every entry. Frees the message; NULL: -ENOMEM. */
int link_request_dump(struct link_socket *links, struct nl_msg *message, nl_recvmsg_msg_cb_t each,
		      void *context);

#endif
