/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: what happens to machines, as a stream that can be resumed behind any event. */
#include "api/look.h"

#include "api/access.h"
#include "api/verb.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

/* Whether a client wants events as EventSource reads them. */
static bool wants_frames(const struct request *request)
{
	return request->headers.accept && strstr(request->headers.accept, "text/event-stream");
}

/* A browser that connects again tells the last event that it has got, which counts more than the address that it asks. */
static const char *resumed(const struct request *request)
{
	const char *last = request->headers.last_event_id;

	return last && *last ? last : request_query(request, "since");
}

static int show_events(struct exchange *exchange, struct err *err)
{
	const struct request *request = exchange->request;
	struct stream *stream = &exchange->response->stream;
	const char *machine = request_query(request, "machine"), *since = resumed(request);
	const char *fault = machine ? text_label_fault(machine) : NULL;
	enum access_right right;
	bool follows = true;

	if (fault)
		return err_set(err, EINVAL, "name '%.100s' %s", machine, fault);
	if (machine && access_machine(exchange, machine, &right, err))
		return -err->code;
	if (request_switch(request, "follow", true, &follows, err) < 0)
		return -err->code;
	verb_begin(exchange->call, &stream->argv);
	argv_add(&stream->argv, "events");
	argv_add(&stream->argv, "--json");
	if (!follows)
		argv_add(&stream->argv, "--no-follow");
	if (since)
		argv_add(&stream->argv, "--since=%s", since);
	if (machine)
		argv_add(&stream->argv, "%s", machine);
	else if (!exchange->all && access_add_names(exchange, &stream->argv, err) < 0)
		return -err->code;
	if (stream->argv.failed)
		return err_set(err, ENOMEM, "out of memory");
	stream->framed = wants_frames(request);
	stream->type = stream->framed ? "text/event-stream" : "application/x-ndjson";
	stream->waits = follows;
	exchange->response->status = 200;
	return 0;
}

static const struct query event_queries[] = {
	{ .name = "follow" }, { .name = "machine" }, { .name = "since" }, { 0 }
};

const struct route event_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/events",
	  .needs = NEEDS_SIGHT,
	  .queries = event_queries,
	  .run = show_events },
	{ 0 },
};
