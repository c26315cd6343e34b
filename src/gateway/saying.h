/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last line that a child writes to its standard error, for the message that tells its end. Pure. */
#ifndef BERTH_GATEWAY_SAYING_H
#define BERTH_GATEWAY_SAYING_H

#include <stdbool.h>
#include <stddef.h>

enum { SAYING = 512 };

/* Zeroed: nothing was said. */
struct saying {
	char line[SAYING]; /* cut off if it is longer */
	size_t length;
	int whole; /* a line end has come: the next byte begins another one */
};

void saying_add(struct saying *saying, const void *bytes, size_t n);
/* Adds a byte. Whether it has ended a line of JSON, which is for the client at once. */
bool saying_ends_json(struct saying *saying, char byte);
/* {"exit": CODE}, with "error" if something was said and the code is not 0. The caller owns it; NULL: out of memory. */
char *saying_end(const struct saying *saying, int code);

#endif
