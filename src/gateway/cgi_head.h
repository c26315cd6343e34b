/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head of what a CGI program answers (RFC 3875, 6.3): lines "Name: value", then an empty line. Pure. */
#ifndef BERTH_GATEWAY_CGI_HEAD_H
#define BERTH_GATEWAY_CGI_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CGI_FIELDS = 32 };

struct cgi_field {
	const char *name, *value; /* borrowed: in the bytes that were parsed */
};

struct cgi_head {
	unsigned status;  /* 200 to 599 */
	bool has_length;  /* there was a Content-Length */
	uint64_t length;  /* of the body */
	const char *type; /* Content-Type, or NULL */
	const char *ticket,
		*attach; /* Berth-Ticket, Berth-Attach, or NULL; both are for the gateway alone */
	struct cgi_field fields[CGI_FIELDS]; /* all that a client gets but the length */
	size_t count;
};

/*
 * Parses a head out of n bytes, into which it writes ends of strings. The number of its bytes with the empty line; 0:
 * it is not whole yet, and nothing was changed; -EPROTO: it is none.
 */
long cgi_head_parse(char *bytes, size_t n, struct cgi_head *head);

#endif
