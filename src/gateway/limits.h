/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bounds of the gateway that an administrator may set: seconds and numbers. */
#ifndef BERTH_GATEWAY_LIMITS_H
#define BERTH_GATEWAY_LIMITS_H

#include "base/err.h"

#include <stdint.h>

enum {
	LIMIT_HEAD_BYTES = 16 << 10, /* of a request, and of what a child answers */
	LIMIT_BODY_BYTES = 1 << 20,  /* of a request, but for one that is passed on as it comes */
};

struct limits {
	/* seconds */
	uint64_t head, body, stall, queue, answer, drain, sign_in, account;
	/* numbers */
	uint64_t requests, waiting, streams, connections;
};

/* The limits that hold where none is given. */
void limits_default(struct limits *limits);
/* Sets one from "NAME=NUMBER". 0 or -EINVAL with a sentence. */
int limits_set(struct limits *limits, const char *text, struct err *err);

#endif
