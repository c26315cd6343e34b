/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Responses that are the output of a verb as it comes: logs, events, files. */
#ifndef BERTH_API_STREAM_H
#define BERTH_API_STREAM_H

#include "api/response.h"
#include "cmd/cli/command.h"

/*
 * Runs the verb of the response's stream in a child, calls head before its first bytes, and writes them on standard
 * output. A verb that fails before it has written anything makes the response an error: then 0, and head was not called.
 * 1: all was written; or -code: the verb failed behind its first bytes, or they cannot be written.
 */
int stream_serve(const struct call *call, struct response *response,
		 void (*head)(const struct response *), struct err *err);

/* Writes a file that is the body on standard output. 0; or -code: it broke off. */
int stream_octets(const struct octets *octets, struct err *err);

/*
 * A line of JSON as an event of text/event-stream (WHATWG HTML, server-sent events), with its number as the id; the line
 * may be cut off by the end of what was read, and then has no line end.
 */
void stream_frame(const char *line, struct text *out);

#endif
