/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api: a request to the API, from the command line or by a server that speaks CGI (RFC 3875). */
#include "cmd/cli/verbs.h"

#include "api/request.h"
#include "api/response.h"
#include "api/router.h"
#include "api/stream.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct flag flag_as = { "as", 0, false, "USER",
				     "answer as to that user of this host" };
static const struct flag flag_cgi = { "cgi", 0, false, NULL,
				      "take the request from a server, by CGI, and answer it so" };
static const struct flag flag_header = {
	"header", 'H', false, "NAME:VALUE",
	"a header, such as 'Prefer: wait=60'; may be given several "
	"times"
};
static const struct flag flag_include = { "include", 'i', false, NULL,
					  "status and headers before the body" };
static const struct flag flag_input = { "input", 0, false, "FILE",
					"body of the request; - reads it" };
static const struct flag *const request_flags[] = { &flag_as,      &flag_cgi,   &flag_header,
						    &flag_include, &flag_input, NULL };

/* by_cgi: a server asks; sockets: it is one that opens WebSockets; heads: the head is shown; bodies: the body too. */
static bool by_cgi, sockets, heads, bodies;

/* The head of a response, for a server; on the command line as HTTP has it, if it is wanted. */
static void print_head(const struct response *response)
{
	bool streamed = response->stream.argv.count > 0 && response->status < 400;
	bool octets = response->octets.fd > 0 && response->status < 400;

	if (!by_cgi && !heads)
		return;
	printf("%s %d %s\n", by_cgi ? "Status:" : "HTTP/1.1", response->status,
	       response_reason(response->status));
	printf("Content-Type: %s\n", octets     ? "application/octet-stream"
				     : streamed ? response->stream.type
						: "application/json");
	if (octets && response->octets.sized)
		printf("Content-Length: %" PRIu64 "\n", response->octets.size);
	if (response->octets.fields && response->status < 400)
		printf("%s", response->octets.fields);
	if (response->allow[0])
		printf("Allow: %s\n", response->allow);
	if (response->etag[0])
		printf("ETag: %s\n", response->etag);
	if (response->attach && response->status < 400)
		printf("Berth-Ticket: %s\nBerth-Attach: %s\n", response->ticket, response->attach);
	if (response->location[0])
		printf("Location: %s\n", response->location);
	printf("\n");
	fflush(stdout);
}

static int print_response(const struct response *response, struct err *err)
{
	json_t *envelope = response_envelope(response);
	int flags = by_cgi ? JSON_COMPACT : JSON_INDENT(2);
	char *text = envelope ? json_dumps(envelope, flags | JSON_REAL_PRECISION(6)) : NULL;

	json_decref(envelope);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	print_head(response);
	if (response->status != 304 && bodies) {
		output_text(text);
		output_text("\n");
	}
	free(text);
	if (response->status < 400 || by_cgi)
		return 0;
	return response->status == 400 ? EXIT_USAGE : EXIT_FAILED;
}

/* A method in small letters means the same. */
static void take_method(const char *word, char method[16])
{
	size_t i = 0;

	for (; i < 15 && word[i]; i++)
		method[i] =
			(char)(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 'a' + 'A' : word[i]);
	method[i] = '\0';
}

static int from_words(const struct call *call, struct request *request, struct incoming *incoming,
		      struct err *err)
{
	const char *input = call_value(call, &flag_input);
	char method[16];

	take_method(call->words[0], method);
	request->user = call_value(call, &flag_as);
	for (size_t i = 0; i < call->given_count; i++) {
		if (call->given[i].flag == &flag_header &&
		    request_header(&request->headers, call->given[i].value, err) < 0)
			return EXIT_USAGE;
	}
	if (input && strcmp(input, "-") == 0)
		incoming->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (input)
		incoming->fd = file_open_regular(AT_FDCWD, input, O_CLOEXEC);
	if (input && incoming->fd < 0 && *input == '{')
		return err_set(err, EINVAL,
			       "--input names a file, or is - for standard input: echo '%.200s' | "
			       "berth api --input - METHOD PATH",
			       input);
	if (input && incoming->fd < 0)
		return err_set(err, EINVAL, "open '%s' of --input: %s", input,
			       strcmp(input, "-") == 0 ? "it is closed" : file_why(incoming->fd));
	return request_line(request, method, call->words[1], err);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int from_server(struct request *request, struct incoming *incoming, struct err *err)
{
	const char *method = variable("REQUEST_METHOD"), *path = variable("PATH_INFO");
	const char *length = variable("CONTENT_LENGTH"), *software = variable("SERVER_SOFTWARE");
	uint64_t bytes = 0;

	request->user = getenv("REMOTE_USER");
	request->headers = (struct headers){
		.accept = variable("HTTP_ACCEPT"),
		.if_match = variable("HTTP_IF_MATCH"),
		.if_none_match = variable("HTTP_IF_NONE_MATCH"),
		.last_event_id = variable("HTTP_LAST_EVENT_ID"),
		.prefer = variable("HTTP_PREFER"),
	};
	incoming->type = variable("CONTENT_TYPE");
	sockets = software && text_starts(software, "berth-api/");
	/* A server that knows no name must not be taken for root's. */
	if (request->user && !*request->user)
		return err_set(err, EPERM,
			       "REMOTE_USER is empty: the server has not told who asks");
	if (!method)
		return err_set(err, EINVAL,
			       "a server gives the request by CGI, and there is no "
			       "REQUEST_METHOD; see berth-api(7)");
	if (length && text_to_u64(length, 0, INT64_MAX, &bytes) < 0)
		return err_set(err, EINVAL, "Content-Length '%.40s' is no number", length);
	if (length)
		incoming->length = (size_t)bytes;
	if (bytes > 0)
		incoming->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return request_target(request, method, path ? path : "/", true, variable("QUERY_STRING"),
			      err);
}

static int answer(const struct call *call, struct request *request, const struct incoming *incoming,
		  struct response *response, struct err *err)
{
	router_answer(call, request, incoming, response);
	heads |= request->heads;
	bodies = !request->heads;
	if (response->attach && response->status < 400 && !sockets) {
		err_set(err, EOPNOTSUPP,
			"a WebSocket needs berth-api(8) in front: ask it, or use berth exec, "
			"console or desktop");
		response_fail(response, 0, err);
	}
	if (!bodies && response->status < 400 &&
	    (response->octets.fd > 0 || response->stream.argv.count > 0)) {
		print_head(response);
		return 0;
	}
	if (response->octets.fd > 0 && response->status < 400) {
		print_head(response);
		return stream_octets(&response->octets, err);
	}
	if (response->stream.argv.count == 0 || response->status >= 400)
		return print_response(response, err);
	int r = stream_serve(call, response, print_head, err);
	if (r == 0)
		return print_response(response, err);
	return r < 0 ? r : 0;
}

static int run_request(struct call *call, struct err *err)
{
	scoped_request struct request request = { 0 };
	scoped_response struct response response = { 0 };
	struct incoming incoming = { .fd = -1, .length = SIZE_MAX };
	int r;

	by_cgi = call_has(call, &flag_cgi);
	heads = call_has(call, &flag_include);
	if (call->count != (by_cgi ? 0 : 2)) {
		err_set(err, EINVAL,
			by_cgi ? "with --cgi the server tells method and path"
			       : "'api' needs a method and a path, such as GET /1.0");
		return EXIT_USAGE;
	}
	r = by_cgi ? from_server(&request, &incoming, err)
		   : from_words(call, &request, &incoming, err);
	if (r == EXIT_USAGE)
		return r;
	if (r < 0) {
		bodies = true;
		response_fail(&response, 0, err);
		r = print_response(&response, err);
	} else {
		r = answer(call, &request, &incoming, &response, err);
	}
	scoped_close_fd(&incoming.fd);
	return r;
}

static const struct command command_api_request = {
	.group = "api",
	.name = "request",
	.args = "[METHOD PATH]",
	.help = "Make a request to the API, without a server; the word request may be left out",
	.flags = request_flags,
	.traits = COMMAND_LOOKS,
	.max = 2,
	.run = run_request,
};

static const struct command *const members[] = { &command_api_request, &command_api_server, NULL };

const struct command command_api = {
	.name = "api",
	.args = "",
	.help = "The API over the same objects that --json shows",
	.max = -1,
	.members = members,
	.other = &command_api_request,
};
