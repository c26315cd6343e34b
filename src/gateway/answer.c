/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Envelopes of errors, and headers. */
#include "gateway/answer.h"

#include "base/scoped.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

void answer_refuse(struct answer_fault *fault, unsigned status, const char *code, const char *fmt,
		   ...)
{
	va_list args;

	if (fault->status)
		return;
	fault->status = status;
	fault->code = code;
	va_start(args, fmt);
	vsnprintf(fault->text, sizeof fault->text, fmt, args);
	va_end(args);
}

enum MHD_Result answer_queue_policy(struct MHD_Connection *connection, unsigned status,
				    struct MHD_Response *response, const char *policy)
{
	if (!response)
		return MHD_NO;
	if (!MHD_get_response_header(response, "Cache-Control"))
		MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Content-Security-Policy", policy);
	enum MHD_Result queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

enum MHD_Result answer_queue(struct MHD_Connection *connection, unsigned status,
			     struct MHD_Response *response)
{
	return answer_queue_policy(connection, status, response,
				   "default-src 'none'; frame-ancestors 'none'");
}

enum MHD_Result answer_fault(struct MHD_Connection *connection, const struct answer_fault *fault)
{
	json_t *envelope = json_pack("{s:s, s:s, s:i, s:s}", "type", "error", "error", fault->text,
				     "error_code", (int)fault->status, "code", fault->code);
	/* A name from outside may be no UTF-8, which jansson refuses. */
	scoped_free char *body = envelope ? json_dumps(envelope, JSON_COMPACT) : NULL;
	static const char plain[] =
		"{\"type\":\"error\",\"error\":\"the request cannot be answered\"}";
	const char *text = body ? body : plain;
	char seconds[16];

	json_decref(envelope);
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
						MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "application/json");
	if (fault->upgrade)
		MHD_add_response_header(response, "Upgrade", fault->upgrade);
	if (fault->retry) {
		snprintf(seconds, sizeof seconds, "%u", fault->retry);
		MHD_add_response_header(response, "Retry-After", seconds);
	}
	return answer_queue(connection, fault->status, response);
}
