/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that libmicrohttpd calls, and its place in the one loop. */
#include "gateway/server.h"

#include "base/scoped.h"
#include "gateway/connection.h"
#include "gateway/request.h"
#include "gateway/watch.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>

/* For the head, the piece of a body that has come, and the piece of an answer that goes. */
enum { CONNECTION_BYTES = 2 * LIMIT_HEAD_BYTES + (32 << 10) };

static enum MHD_Result handle(void *context, struct MHD_Connection *http, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **slot)
{
	(void)context;
	(void)http;
	(void)url;
	(void)version;
	return *slot ? request_handle(*slot, method, data, size) : MHD_NO;
}

/* The first line has come: here alone its target is told as it was sent. */
static void *begin(void *context, const char *target, struct MHD_Connection *http)
{
	const struct server *server = context;

	return request_new(server->gateway, http, target);
}

static void complete(void *context, struct MHD_Connection *http, void **slot,
		     enum MHD_RequestTerminationCode how)
{
	(void)context;
	(void)http;
	(void)how;
	if (*slot)
		request_end(*slot);
	*slot = NULL;
}

static void notice(void *context, struct MHD_Connection *http, void **slot,
		   enum MHD_ConnectionNotificationCode what)
{
	const struct server *server = context;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (what == MHD_CONNECTION_NOTIFY_STARTED && info)
		*slot = connection_new(server->gateway, info->connect_fd, server->local);
	else if (what == MHD_CONNECTION_NOTIFY_CLOSED && *slot)
		connection_end(*slot);
}

/* What a parser complains of is the client's fault, and no line in a log. */
static void say_nothing(void *context, const char *fmt, va_list args)
{
	(void)context;
	(void)fmt;
	(void)args;
}

/* A path is decoded by target.h. */
static size_t leave_as_it_is(void *context, struct MHD_Connection *http, char *text)
{
	(void)context;
	(void)http;
	return strlen(text);
}

static bool is_local(int fd)
{
	struct sockaddr address;
	socklen_t size = sizeof address;

	return getsockname(fd, &address, &size) == 0 && address.sa_family == AF_UNIX;
}

int server_open(struct server *server, struct gateway *gateway, int fd, struct err *err)
{
	const struct limits *limits = &gateway->limits;

	*server = (struct server){ .gateway = gateway, .local = is_local(fd) };
	struct web *web = &gateway->web;
	struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, web->tls.key },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, web->tls.certificate },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	server->daemon = MHD_start_daemon(
		(web->secure ? MHD_USE_TLS : 0) | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
			MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG,
		0, NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)limits->stall, MHD_OPTION_CONNECTION_LIMIT, (unsigned)limits->connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_URI_LOG_CALLBACK, begin, server, MHD_OPTION_UNESCAPE_CALLBACK,
		leave_as_it_is, NULL, MHD_OPTION_NOTIFY_COMPLETED, complete, server,
		MHD_OPTION_NOTIFY_CONNECTION, notice, server, MHD_OPTION_ARRAY,
		web->secure ? secure : secure + 3, MHD_OPTION_END);
	if (!server->daemon) {
		close(fd);
		return err_set(err, EIO, "libmicrohttpd cannot serve HTTP on the socket");
	}
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r = info ? watch_always(gateway->epoll, info->epoll_fd) : -EIO;
	if (r < 0)
		return err_set(err, -r, "wait for connections: %s", strerror(-r));
	return 0;
}

void server_run(struct server *server)
{
	MHD_run(server->daemon);
}

int server_patience(const struct server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(server->daemon, &timeout) != MHD_YES)
		return -1;
	return timeout < 60000 ? (int)timeout : 60000;
}

int server_quiesce(struct server *server)
{
	return MHD_quiesce_daemon(server->daemon);
}

void server_close(struct server *server)
{
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	server->daemon = NULL;
}
