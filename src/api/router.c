/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/router.h"

#include "api/access.h"
#include "api/look.h"
#include "api/routes.h"
#include "base/scoped.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

static bool is_json(const char *type)
{
	static const char json[] = "application/json";

	if (!type || !*type)
		return true;
	return strncasecmp(type, json, sizeof json - 1) == 0 &&
	       strchr(" ;", type[sizeof json - 1]) != NULL;
}

/* Reads at most what a body may have, and a byte more. */
static int read_bytes(const struct incoming *incoming, struct text *out, struct err *err)
{
	char piece[8192];

	while (out->length < incoming->length && out->length <= REQUEST_BODY_MAX) {
		size_t most = incoming->length - out->length;
		ssize_t n = read(incoming->fd, piece, most < sizeof piece ? most : sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read the body: %s", strerror(errno));
		if (n == 0)
			break;
		if (text_add_bytes(out, piece, (size_t)n) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* 0, or the status of a failure with err. */
static int take_body(struct request *request, const struct incoming *incoming, struct err *err)
{
	scoped_text struct text bytes = { 0 };

	if (incoming->fd < 0 || incoming->length == 0)
		return 0;
	if (incoming->length != SIZE_MAX && incoming->length > REQUEST_BODY_MAX) {
		err_set(err, EFBIG, "the body is larger than 1 MiB");
		return 413;
	}
	if (read_bytes(incoming, &bytes, err) < 0)
		return response_status_of(err->code);
	if (bytes.length > 0 && !is_json(incoming->type)) {
		err_set(err, EINVAL,
			"a body of type '%.60s' is not understood; use application/json",
			incoming->type);
		return 415;
	}
	if (incoming->length != SIZE_MAX && bytes.length < incoming->length) {
		err_set(err, EINVAL, "the body ends after %zu of %zu bytes", bytes.length,
			incoming->length);
		return 400;
	}
	return request_body(request, text_str(&bytes), bytes.length, err) < 0
		       ? response_status_of(err->code)
		       : 0;
}

static int run_row(struct exchange *exchange, struct err *err)
{
	const struct route *route = exchange->match.route;

	if (route->run)
		return route->run(exchange, err);
	return route->type ? look_stream(exchange, err) : look_value(exchange, err);
}

/* A client that has the same already gets no second copy. */
static void leave_out_known(const struct request *request, struct response *response)
{
	const char *known = request->headers.if_none_match;

	if (known && response->status == 200 && response->etag_whole &&
	    strcmp(request->method, "GET") == 0 && response_etag_is_in(known, response->etag))
		response->status = 304;
}

void router_answer(const struct call *call, struct request *request,
		   const struct incoming *incoming, struct response *response)
{
	struct exchange exchange = { .call = call, .request = request, .response = response };
	struct err err = { 0 };

	int status = access_begin(&exchange, &err);
	if (!status)
		status = route_find(request, &exchange.match, response->allow, &err);
	if (!status)
		status = access_check(&exchange, &err);
	if (!status && exchange.match.route->octets)
		exchange.incoming = incoming;
	else if (!status && strcmp(request->method, "GET") != 0)
		status = take_body(request, incoming, &err);
	if (!status)
		run_row(&exchange, &err);
	if (response->stream.waits)
		access_follow(&exchange, &response->stream);
	if (status != 405)
		response->allow[0] = '\0';
	if (err.code)
		response_fail(response, status, &err);
	else
		leave_out_known(request, response);
}
