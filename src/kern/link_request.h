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

/* Requests a table, and calls each for every entry. Frees the message; NULL: -ENOMEM. */
int link_request_dump(struct link_socket *links, struct nl_msg *message, nl_recvmsg_msg_cb_t each,
		      void *context);

#endif
