/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stages of a request. */
#include "gateway/request.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "gateway/browser.h"
#include "gateway/call.h"
#include "gateway/cgi.h"
#include "gateway/login.h"
#include "gateway/target.h"
#include "gateway/upgrade.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>

enum {
	PIECE = 16 << 10, /* of an answer, that is passed on at once */
	/* Bytes of a body that are taken after it was refused: the answer comes behind them, and a client that cannot
	 * send them to the end sees none. Those of who is not signed in, and those of others. */
	DISCARD_UNKNOWN = 1 << 20,
	DISCARD = 1 << 30,
};

static void set_deadline(struct request *request, uint64_t seconds)
{
	request->deadline = clock_ms() + (int64_t)seconds * 1000;
}

static void wake(struct request *request)
{
	if (!request->suspended)
		return;
	request->suspended = false;
	request->gateway->resumed = true;
	watch_drop(request->gateway->epoll, &request->socket);
	MHD_resume_connection(request->http);
}

static void suspend(struct request *request)
{
	request->suspended = true;
	MHD_suspend_connection(request->http);
	/* Over TCP the end of what a client sends is the first that is seen of its end. A hang-up is always told. */
	watch_arm(request->gateway->epoll, &request->socket,
		  request->connection->local ? 0 : EPOLLRDHUP);
}

/* The child's part is over; a client that is still there is told so by the fault, or by the break of the answer. */
static void drop_child(struct request *request)
{
	request->gone = true;
	if (request->cgi)
		cgi_end(request->cgi);
	wake(request);
}

static void socket_ready(struct watch *watch, uint32_t events)
{
	struct request *request =
		(struct request *)(void *)((char *)watch - offsetof(struct request, socket));

	(void)events;
	request->gone = true;
	wake(request);
}

static void child_changed(void *owner)
{
	wake(owner);
}

static void refuse_lasting(struct request *request)
{
	answer_refuse(&request->fault, 503, "EBUSY",
		      "%" PRIu64 " streams and sockets are open already; close one",
		      request->gateway->limits.streams);
	request->fault.retry = 5;
	cgi_end(request->cgi);
}

static void start_child(struct request *request)
{
	struct err err = { 0 };
	scoped_environment struct environment env = { 0 };
	struct cgi_spec spec = {
		.env = &env,
		.body = request->streams ? -1 : request->body,
		.changed = child_changed,
		.owner = request,
	};

	request->stage = REQUEST_RUNS;
	call_describe(request, &env);
	request->cgi = cgi_start(request->gateway, &spec, &err);
	if (!request->cgi)
		answer_refuse(&request->fault, 500, "EIO", "%s", err.text);
	else if (request->streams && cgi_last(request->cgi) < 0)
		refuse_lasting(request);
	set_deadline(request, request->gateway->limits.answer + call_patience(request));
}

static void has_slot(struct slot_waiter *waiter)
{
	struct request *request =
		(struct request *)(void *)((char *)waiter - offsetof(struct request, waiter));

	start_child(request);
	wake(request);
}

static void refuse_busy(struct request *request)
{
	answer_refuse(&request->fault, 503, "EBUSY",
		      "%" PRIu64 " requests are at work already; try again a second later",
		      request->gateway->limits.requests);
	request->fault.retry = 1;
}

static void ask_for_slot(struct request *request)
{
	request->waiter.ready = has_slot;
	switch (slots_take(&request->gateway->slots, &request->waiter)) {
	case SLOT_NOW:
		start_child(request);
		break;
	case SLOT_LATER:
		request->stage = REQUEST_WAITS;
		set_deadline(request, request->gateway->limits.queue);
		break;
	case SLOT_NEVER:
		request->stage = REQUEST_WAITS;
		refuse_busy(request);
		break;
	}
}

static uint64_t most_discarded(const struct request *request)
{
	return *request->user ? DISCARD : DISCARD_UNKNOWN;
}

/* Counts bytes of a body that nobody wants. MHD_NO: there are too many, and the client is cut. */
static enum MHD_Result discard(struct request *request, size_t *size)
{
	request->taken += *size;
	*size = 0;
	return request->taken > most_discarded(request) ? MHD_NO : MHD_YES;
}

/* Keeps a small body until it is whole, so that a slow client holds no child. */
static enum MHD_Result collect(struct request *request, const char *data, size_t *size)
{
	if (request->taken + *size > (request->signs_in ? LOGIN_BODY : LIMIT_BODY_BYTES))
		call_refuse_size(request);
	if (request->body < 0)
		request->body = memfd_create("berth-api body", MFD_CLOEXEC);
	if (!request->fault.status &&
	    file_write_all(request->body, data, *size, (off_t)request->taken) < 0)
		answer_refuse(&request->fault, 507, "ENOSPC", "there is no memory for the request");
	return discard(request, size);
}

/* Passes a body on as fast as the child reads it. */
static enum MHD_Result pass_on(struct request *request, const char *data, size_t *size)
{
	if (request->stage == REQUEST_TAKES)
		ask_for_slot(request);
	if (request->stage == REQUEST_WAITS && !request->fault.status) {
		suspend(request);
		return MHD_YES;
	}
	ssize_t n = request->cgi && !request->fault.status ? cgi_write(request->cgi, data, *size)
							   : -EPIPE;
	if (n == -EAGAIN) {
		set_deadline(request, request->gateway->limits.stall);
		suspend(request);
		return MHD_YES;
	}
	request->deadline = 0;
	if (n == -EPIPE)
		return discard(request, size);
	*size -= (size_t)n;
	return MHD_YES;
}

static ssize_t read_answer(void *context, uint64_t at, char *out, size_t room)
{
	struct request *request = context;
	const struct cgi_head *head = &request->cgi->head;

	if (request->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	ssize_t n = cgi_read(request->cgi, out, room);
	if (n == -EAGAIN) {
		/* A file comes as fast as it is read; what has no length may wait for what happens. */
		if (!request->cgi->lasting || head->has_length)
			set_deadline(request, request->gateway->limits.answer);
		suspend(request);
		return 0;
	}
	request->deadline = 0;
	if (n > 0)
		return n;
	return n == 0 && (!head->has_length || at == head->length)
		       ? MHD_CONTENT_READER_END_OF_STREAM
		       : MHD_CONTENT_READER_END_WITH_ERROR;
}

static enum MHD_Result answer(struct request *request)
{
	const struct cgi_head *head = &request->cgi->head;
	struct MHD_Response *response =
		MHD_create_response_from_callback(head->has_length ? head->length
								   : MHD_SIZE_UNKNOWN,
						  PIECE, read_answer, request, NULL);

	request->stage = REQUEST_ANSWERS;
	request->deadline = 0;
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < head->count; i++)
		MHD_add_response_header(response, head->fields[i].name, head->fields[i].value);
	return answer_queue(request->http, head->status, response);
}

/* The type tells whether an answer lasts: one in JSON ends, one of another type may be a stream, or a large file. */
static bool is_lasting(const struct cgi_head *head)
{
	return head->type && strcasecmp(head->type, "application/json") != 0;
}

static void judge_child(struct request *request)
{
	struct cgi *cgi = request->cgi;

	if (!cgi || (!cgi->has_head && !cgi->fault))
		return;
	if (cgi->fault)
		call_refuse_child(request);
	else if (is_lasting(&cgi->head) && cgi_last(cgi) < 0)
		refuse_lasting(request);
	else if (cgi->head.ticket && cgi->head.attach &&
		 tickets_keep(&request->gateway->tickets, cgi->head.ticket, request->user,
			      cgi->head.attach, clock_ms()) < 0) {
		answer_refuse(
			&request->fault, 503, "EBUSY",
			"there are too many tickets that nobody has used yet; try again later");
		request->fault.retry = 5;
	}
	if (request->fault.status)
		cgi_end(cgi);
}

/* The same for a sign-in, whose child is no router. */
static enum MHD_Result go_on_signing_in(struct request *request)
{
	if (request->stage == REQUEST_TAKES && !request->fault.status) {
		request->stage = REQUEST_RUNS;
		login_start(request, wake);
		set_deadline(request, request->gateway->limits.sign_in);
	}
	if (request->gone)
		return MHD_NO;
	if (request->login && !request->fault.status) {
		suspend(request);
		return MHD_YES;
	}
	request->stage = REQUEST_ANSWERS;
	request->deadline = 0;
	return login_answer(request);
}

/* The body is whole. */
static enum MHD_Result go_on(struct request *request)
{
	if (request->signs_in)
		return go_on_signing_in(request);
	if (request->stage == REQUEST_TAKES)
		ask_for_slot(request);
	if (request->cgi)
		cgi_close_input(request->cgi);
	if (request->stage == REQUEST_RUNS && !request->fault.status)
		judge_child(request);
	if (request->fault.status) {
		request->stage = REQUEST_ANSWERS;
		request->deadline = 0;
		return answer_fault(request->http, &request->fault);
	}
	if (request->gone)
		return MHD_NO;
	if (request->stage == REQUEST_RUNS && request->cgi->has_head)
		return answer(request);
	suspend(request);
	return MHD_YES;
}

/* Judges the head: who answers it. */
static void begin(struct request *request, const char *method)
{
	request->begun = true;
	request->method = method;
	connection_works(request->connection);
	set_deadline(request, request->gateway->limits.body);
	call_check(request);
	if (!request->fault.status && !request->connection->local && browser_check(request))
		request->answer = request->signs_in ? NULL : browser_answer;
	else if (!request->fault.status && upgrade_is_asked(request))
		request->answer = upgrade_answer;
	request->here = request->answer || request->fault.status;
}

/* Answers what is not the router's. */
static enum MHD_Result answer_here(struct request *request)
{
	request->stage = REQUEST_ANSWERS;
	request->deadline = 0;
	return request->answer ? request->answer(request)
			       : answer_fault(request->http, &request->fault);
}

enum MHD_Result request_handle(struct request *request, const char *method, const char *data,
			       size_t *size)
{
	if (!request->begun) {
		begin(request, method);
		/* Refused before the body is sent, where the client waits for that or there is too much. */
		return request->here && call_body_waits(request, most_discarded(request))
			       ? answer_here(request)
			       : MHD_YES;
	}
	if (request->here)
		return *size ? discard(request, size) : answer_here(request);
	if (*size == 0)
		return go_on(request);
	if (request->gone)
		return MHD_NO;
	return request->streams ? pass_on(request, data, size) : collect(request, data, size);
}

struct request *request_new(struct gateway *gateway, struct MHD_Connection *http,
			    const char *target)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct request *request = calloc(1, sizeof *request);
	char *copy = strdup(target);

	if (!request || !copy || !info || !info->socket_context) {
		free(request);
		free(copy);
		return NULL;
	}
	request->gateway = gateway;
	request->http = http;
	request->connection = info->socket_context;
	request->socket = (struct watch){ .fd = request->connection->fd, .ready = socket_ready };
	request->target = copy;
	request->query = "";
	request->body = -1;
	request->next = gateway->requests;
	gateway->requests = request;
	return request;
}

void request_end(struct request *request)
{
	struct gateway *gateway = request->gateway;
	bool answered = request->stage == REQUEST_ANSWERS && !request->gone;

	for (struct request **at = &gateway->requests; *at; at = &(*at)->next)
		if (*at == request) {
			*at = request->next;
			break;
		}
	slots_forget(&gateway->slots, &request->waiter);
	watch_drop(gateway->epoll, &request->socket);
	if (request->cgi) {
		/* Half a body must not look like a whole one; what only looks has nobody to look for. */
		if (request->looks || (request->streams && !answered))
			cgi_end(request->cgi);
		cgi_leave(request->cgi);
	}
	login_leave(request);
	connection_waits(request->connection);
	scoped_close_fd(&request->body);
	free(request->target);
	free(request);
}

static void run_out(struct request *request)
{
	request->deadline = 0;
	switch (request->stage) {
	case REQUEST_TAKES:
		connection_cut(request->connection);
		return;
	case REQUEST_WAITS:
		slots_forget(&request->gateway->slots, &request->waiter);
		refuse_busy(request);
		wake(request);
		return;
	case REQUEST_RUNS:
		if (request->signs_in) {
			login_run_out(request);
			wake(request);
			return;
		}
		answer_refuse(&request->fault, 504, "ETIMEDOUT",
			      "the router has not answered in time; it was ended");
		break;
	case REQUEST_ANSWERS:
		break;
	}
	drop_child(request);
}

static bool is_lasting_of(const struct request *request, const char *user)
{
	return request->cgi && request->cgi->lasting && !request->connection->local &&
	       strcmp(request->user, user) == 0;
}

bool request_lasts(const struct gateway *gateway, const char *user)
{
	const struct request *request = gateway->requests;

	while (request && !is_lasting_of(request, user))
		request = request->next;
	return request;
}

void request_end_all(struct gateway *gateway, const char *user)
{
	for (struct request *request = gateway->requests; request; request = request->next)
		if (is_lasting_of(request, user))
			drop_child(request);
}

void request_drain(struct gateway *gateway)
{
	for (struct request *request = gateway->requests; request; request = request->next)
		if (request->cgi && request->cgi->lasting)
			drop_child(request);
}

void request_abandon(struct gateway *gateway)
{
	for (struct request *request = gateway->requests; request; request = request->next) {
		request->gone = true;
		wake(request);
	}
}

void request_tick(struct gateway *gateway, int64_t now, int64_t *next)
{
	for (struct request *request = gateway->requests; request; request = request->next) {
		if (request->deadline && request->deadline <= now)
			run_out(request);
		gateway_sooner(next, request->deadline);
	}
}
