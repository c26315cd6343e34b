/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request to rtnetlink by libnl, and its end in our terms. For the files of kern/link alone. */
#ifndef BERTH_KERN_LINK_REQUEST_H
#define BERTH_KERN_LINK_REQUEST_H

#include "kern/link_calls.h"

struct link_socket {
	struct nl_sock *nl;
	int code; /* what the kernel answered to the last request: -errno, or 0 */
	char why[160];
};

/* Forgets what the last request failed for. */
void link_request_begin(struct link_socket *links);

/* Ends a request: libnl's result becomes 0 or -errno, and words are there for it. */
int link_request_finish(struct link_socket *links, int result);

/* A whole request: sends a message and waits for its answer. The message is given away; NULL: -ENOMEM. */
int link_request_send(struct link_socket *links, struct nl_msg *message);

/* A whole request for a table: each is called with every entry. The message is given away, as above. */
int link_request_dump(struct link_socket *links, struct nl_msg *message, nl_recvmsg_msg_cb_t each,
		      void *context);

#endif
