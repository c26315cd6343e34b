/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The router: a request in, a response out. All ways to the API end here. */
#ifndef BERTH_API_ROUTER_H
#define BERTH_API_ROUTER_H

#include "api/request.h"
#include "api/response.h"
#include "cmd/cli/command.h"

/* The body of a request, unread. */
struct incoming {
	int fd;           /* -1: nothing */
	size_t length;    /* SIZE_MAX: until its end */
	const char *type; /* of its content; NULL: not told */
};

/*
 * Answers a request whose target was taken. The body is read of incoming when the row is found. A failure is a response
 * too.
 */
void router_answer(const struct call *call, struct request *request,
		   const struct incoming *incoming, struct response *response);

#endif
