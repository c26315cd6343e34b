/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP in, variables of CGI out: a fixed list of headers, so that no other one reaches a program that runs as root. */
#include "gateway/call.h"

#include "base/child.h"
#include "base/text.h"
#include "gateway/cgi.h"
#include "gateway/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#define STREAM_TYPE "application/octet-stream"

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->http, MHD_HEADER_KIND, name);
}

static void check_method(struct request *request)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(request->method, known[i]) == 0)
			return;
	answer_refuse(&request->fault, 405, "EOPNOTSUPP",
		      "there is no method '%.32s'; use GET, HEAD, POST, PUT, PATCH or DELETE",
		      request->method);
}

void call_refuse_size(struct request *request)
{
	answer_refuse(&request->fault, 413, "EFBIG",
		      "the body is larger than 1 MiB; only one of type " STREAM_TYPE " may be");
}

static void check_body(struct request *request)
{
	const char *length = header(request, "Content-Length"),
		   *type = header(request, "Content-Type");
	bool chunked = header(request, "Transfer-Encoding");
	uint64_t bytes = 0;

	request->has_body = chunked || (length && strcmp(length, "0") != 0);
	request->streams = type && strcasecmp(type, STREAM_TYPE) == 0 && (length || chunked);
	/* Its reader could not tell a body that broke off from a whole one. */
	if (request->streams && (chunked || !length))
		answer_refuse(&request->fault, 411, "EINVAL",
			      "a body of type " STREAM_TYPE " needs a Content-Length");
	if (length && text_to_u64(length, 0, INT64_MAX, &bytes) < 0)
		answer_refuse(&request->fault, 400, "EINVAL", "Content-Length is no number");
	if (!request->streams && bytes > LIMIT_BODY_BYTES)
		call_refuse_size(request);
}

static enum MHD_Result add_size(void *context, enum MHD_ValueKind kind, const char *name,
				const char *value)
{
	size_t *size = context;

	(void)kind;
	*size += strlen(name) + (value ? strlen(value) : 0) + strlen(": \r\n");
	return MHD_YES;
}

static void check_size(struct request *request)
{
	size_t size =
		strlen(request->method) + strlen(request->target) + strlen("  HTTP/1.1\r\n\r\n");

	MHD_get_connection_values(request->http, MHD_HEADER_KIND, add_size, &size);
	if (size > LIMIT_HEAD_BYTES)
		answer_refuse(&request->fault, 431, "E2BIG",
			      "the head of the request is larger than 16 KiB");
}

void call_check(struct request *request)
{
	struct err err = { 0 };

	check_size(request);
	check_method(request);
	if (target_split(request->target, &request->query) < 0)
		answer_refuse(
			&request->fault, 400, "EINVAL",
			"the path of the request is not one; write / and names, others as %%XX");
	if (request->connection->local &&
	    peer_user(request->connection->fd, request->user, sizeof request->user, &err) < 0)
		answer_refuse(&request->fault, 403, "EPERM", "%s", err.text);
	check_body(request);
	request->looks =
		strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

bool call_body_waits(const struct request *request, uint64_t most)
{
	const char *length = header(request, "Content-Length"), *expect = header(request, "Expect");
	uint64_t bytes = 0;

	return request->has_body &&
	       ((expect && strcasecmp(expect, "100-continue") == 0) ||
		(length && text_to_u64(length, 0, INT64_MAX, &bytes) == 0 && bytes > most));
}

unsigned call_patience(const struct request *request)
{
	const char *prefer = header(request, "Prefer");

	return target_patience(prefer ? prefer : "", request->query);
}

void call_describe(const struct request *request, struct environment *env)
{
	static const struct {
		const char *header, *variable;
	} passed[] = {
		{ "Content-Type", "CONTENT_TYPE" },
		{ "Accept", "HTTP_ACCEPT" },
		{ "If-Match", "HTTP_IF_MATCH" },
		{ "If-None-Match", "HTTP_IF_NONE_MATCH" },
		{ "Last-Event-ID", "HTTP_LAST_EVENT_ID" },
		{ "Prefer", "HTTP_PREFER" },
	};
	char length[24], seconds[24];

	snprintf(seconds, sizeof seconds, "%" PRIu64, request->gateway->limits.answer);
	environment_add(env, "BERTH_API_SECONDS", seconds);
	environment_begin(env);
	environment_add(env, "GATEWAY_INTERFACE", "CGI/1.1");
	environment_add(env, "SERVER_PROTOCOL", "HTTP/1.1");
	environment_add(env, "SERVER_SOFTWARE", "berth-api/" BERTH_VERSION);
	environment_add(env, "SCRIPT_NAME", "");
	/* libmicrohttpd leaves the body of an answer to HEAD out. */
	environment_add(env, "REQUEST_METHOD",
			strcmp(request->method, "HEAD") == 0 ? "GET" : request->method);
	environment_add(env, "PATH_INFO", request->target);
	environment_add(env, "QUERY_STRING", request->query);
	environment_add(env, "REMOTE_USER", request->user);
	for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
		environment_add(env, passed[i].variable, header(request, passed[i].header));
	if (request->streams) {
		environment_add(env, "CONTENT_LENGTH", header(request, "Content-Length"));
	} else if (request->taken > 0) {
		snprintf(length, sizeof length, "%" PRIu64, request->taken);
		environment_add(env, "CONTENT_LENGTH", length);
	}
}

void call_refuse_child(struct request *request)
{
	const struct process *process = &request->cgi->process;
	char end[64];

	if (request->cgi->fault == -EPROTO || process->pid > 0) {
		answer_refuse(&request->fault, 502, "EPROTO",
			      "'%s api --cgi' has answered with what is no head of CGI",
			      request->gateway->router);
		return;
	}
	if (WIFEXITED(process->status) && WEXITSTATUS(process->status) == 127) {
		answer_refuse(&request->fault, 502, "ENOENT",
			      "'%s' cannot be executed; is it installed?",
			      request->gateway->router);
		return;
	}
	child_status_text(process->status, end, sizeof end);
	answer_refuse(&request->fault, 502, "ECHILD", "'%s api --cgi' %s before it has answered",
		      request->gateway->router, end);
}
