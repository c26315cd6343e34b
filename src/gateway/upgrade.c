/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handshake of WebSocket (RFC 6455, 4.2). */
#include "gateway/upgrade.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/socket.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "/1.0/sockets/"

/* What is known of a socket until the connection is ours. */
struct upgrade {
	struct gateway *gateway;
	struct attach attach;
	bool local; /* the kernel has told who the user is */
};

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->http, MHD_HEADER_KIND, name);
}

bool upgrade_is_asked(const struct request *request)
{
	return text_starts(request->target, PREFIX) && strcmp(request->method, "GET") == 0;
}

/* Whether a list of words, separated by commas, has one. */
static bool lists(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at && *at; at = strchr(at, ',')) {
		at += strspn(at, ", \t");
		size_t n = strcspn(at, ", \t");
		if (n == length && strncasecmp(at, word, n) == 0)
			return true;
	}
	return false;
}

/* The connection is ours now. */
static void begin(void *context, struct MHD_Connection *http, void *request, const char *early,
		  size_t length, MHD_socket fd, struct MHD_UpgradeResponseHandle *urh)
{
	struct upgrade *upgrade = context;
	struct socket_spec spec = { .attach = upgrade->attach,
				    .local = upgrade->local,
				    .fd = fd,
				    .urh = urh,
				    .early = early,
				    .length = length };

	(void)http;
	(void)request;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	socket_begin(upgrade->gateway, &spec);
	free(upgrade);
}

static struct upgrade *take_ticket(struct request *request)
{
	struct upgrade *upgrade = calloc(1, sizeof *upgrade);
	char *attach =
		upgrade ? tickets_take(&request->gateway->tickets, request->target + strlen(PREFIX),
				       request->user, clock_ms())
			: NULL;

	if (attach && attach_read(&upgrade->attach, attach) == 0) {
		upgrade->gateway = request->gateway;
		upgrade->local = request->connection->local;
		free(attach);
		return upgrade;
	}
	free(upgrade);
	free(attach);
	log_line("refused a ticket to user %s", request->user);
	answer_refuse(
		&request->fault, 403, "EACCES",
		"the ticket is not valid: each is good once, for its own user, for half a minute");
	return NULL;
}

static void check(struct request *request, char *accept)
{
	const char *version = header(request, "Sec-WebSocket-Version"),
		   *key = header(request, "Sec-WebSocket-Key");

	if (!lists(header(request, "Upgrade"), "websocket") ||
	    !lists(header(request, "Connection"), "Upgrade") || !version ||
	    strcmp(version, "13") != 0)
		answer_refuse(&request->fault, 426, "EPROTO", "this is a WebSocket of version 13");
	else if (!key || websocket_accept(key, accept) < 0)
		answer_refuse(&request->fault, 400, "EINVAL",
			      "Sec-WebSocket-Key is not 16 bytes in base64");
}

enum MHD_Result upgrade_answer(struct request *request)
{
	char accept[WEBSOCKET_ACCEPT];

	check(request, accept);
	if (!request->fault.status && !slots_take_lasting(&request->gateway->slots))
		answer_refuse(&request->fault, 503, "EBUSY",
			      "%" PRIu64 " streams and sockets are open already; close one",
			      request->gateway->limits.streams);
	else if (!request->fault.status) {
		struct upgrade *upgrade = take_ticket(request);
		struct MHD_Response *response =
			upgrade ? MHD_create_response_for_upgrade(begin, upgrade) : NULL;
		if (response) {
			MHD_add_response_header(response, "Upgrade", "websocket");
			MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
			/* The name that viewers of VNC have for bytes without a frame of their own. */
			if (upgrade->attach.raw &&
			    lists(header(request, "Sec-WebSocket-Protocol"), "binary"))
				MHD_add_response_header(response, "Sec-WebSocket-Protocol",
							"binary");
			enum MHD_Result queued = MHD_queue_response(request->http, 101, response);
			MHD_destroy_response(response);
			return queued;
		}
		slots_give_back_lasting(&request->gateway->slots);
	}
	if (!request->fault.status)
		return MHD_NO;
	if (request->fault.status == 426)
		request->fault.upgrade = "websocket";
	return answer_fault(request->http, &request->fault);
}
