/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that listen. */
#include "gateway/listen.h"

#include "base/scoped.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { FIRST_FD = 3, BACKLOG = 128, EVERYBODY = 0666 };

int listen_activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t number;
	int listening = 0;
	socklen_t size = sizeof listening;

	if (!pid || !count || text_to_u64(pid, 1, INT32_MAX, &number) < 0 ||
	    (pid_t)number != getpid() || text_to_u64(count, 1, INT32_MAX, &number) < 0)
		return -ENOENT;
	/* Not for children. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (getsockopt(FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
		return -ENOTSOCK;
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return FIRST_FD;
}

static int make_address(const char *path, struct sockaddr_un *address, struct err *err)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (path[0] != '/')
		return err_set(err, EINVAL, "the path of a socket begins with /, not '%s'", path);
	if (text_print(address->sun_path, sizeof address->sun_path, "%s", path) < 0)
		return err_set(err, ENAMETOOLONG,
			       "'%s' is longer than the %zu bytes of a socket's path", path,
			       sizeof address->sun_path - 1);
	return 0;
}

/* Whether the name is free, or that of a socket on which nobody listens. */
static int check_free(const char *path, struct err *err)
{
	struct sockaddr_un address;
	struct stat st;

	if (make_address(path, &address, err) < 0)
		return -err->code;
	if (lstat(path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "look at '%s': %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, EEXIST, "'%s' is there and is no socket; choose another path",
			       path);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, errno, "make a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED)
		return 0;
	return err_set(err, EADDRINUSE,
		       "another program listens on '%s'; end it or choose another path", path);
}

int listen_unix(const char *path, struct err *err)
{
	scoped_free char *aside = text_format("%s.new", path);
	struct sockaddr_un address;

	if (!aside)
		return err_set(err, ENOMEM, "out of memory");
	if (check_free(path, err) < 0 || make_address(aside, &address, err) < 0)
		return -err->code;
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, errno, "make a socket: %s", strerror(errno));
	unlink(aside);
	/* Whoever finds the name can connect at once. */
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0 ||
	    chmod(aside, EVERYBODY) < 0 || rename(aside, path) < 0) {
		int code = errno;
		unlink(aside);
		return err_set(err, code, "listen on '%s': %s", path, strerror(code));
	}
	return take_fd(&fd);
}

/* Cuts "ADDRESS:PORT" or "[ADDRESS]:PORT" in two. 0 or -code. */
static int split(const char *text, char *address, size_t room, uint64_t *port, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';
	struct in6_addr v6;

	if (n == 0 || (!bracketed && text[0] == '[') ||
	    text_print(address, room, "%.*s", (int)n - 2 * bracketed, text + bracketed) < 0)
		return err_set(err, EINVAL, "--listen takes unix:PATH or ADDRESS:PORT, not '%s'",
			       text);
	if (!bracketed && inet_pton(AF_INET6, address, &v6) == 1)
		return err_set(err, EINVAL, "an address of IPv6 is in brackets; write [%s]:%s",
			       address, colon + 1);
	if (!bracketed && inet_pton(AF_INET6, text, &v6) == 1)
		return err_set(err, EINVAL, "'%s' has no port; write [%s]:8443", text, text);
	if (bracketed && inet_pton(AF_INET6, address, &v6) != 1)
		return err_set(err, EINVAL, "'%s' is no address of IPv6", address);
	if (text_to_u64(colon + 1, 1, 65535, port) < 0)
		return err_set(err, EINVAL, "a port is 1 to 65535, not '%s'", colon + 1);
	return 0;
}

/* Addresses by which no page can be known. 0 or -code. */
static int check_nameable(const char *text, const struct in_addr *v4, const struct in6_addr *v6,
			  struct err *err)
{
	/* A name in a request could not be told from another page's. */
	if (v4 ? v4->s_addr == htonl(INADDR_ANY) : IN6_IS_ADDR_UNSPECIFIED(v6))
		return err_set(err, EINVAL, "'%s' is all addresses; choose one of them", text);
	if (!v4 && IN6_IS_ADDR_LINKLOCAL(v6))
		return err_set(err, EINVAL,
			       "'%s' is good on one link alone, whose interface no link to the "
			       "page can name; choose another address of the host",
			       text);
	return 0;
}

int listen_tcp(const char *text, bool *secure, struct err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	char address[INET6_ADDRSTRLEN];
	uint64_t port;
	int yes = 1;

	if (split(text, address, sizeof address, &port, err) < 0)
		return -err->code;
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return err_set(err, EINVAL, "'%s' is no address", address);
	if (check_nameable(address, is_v4 ? &v4.sin_addr : NULL, &v6.sin6_addr, err) < 0)
		return -err->code;
	/* Cookies would cross the network in clear. */
	if (is_v4 ? ntohl(v4.sin_addr.s_addr) >> 24 != 127 : !IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))
		*secure = true;
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	scoped_fd int fd =
		socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, errno, "make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if ((is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof v4)
		   : bind(fd, (struct sockaddr *)&v6, sizeof v6)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_set(err, errno, "listen on '%s': %s", text, strerror(errno));
	return take_fd(&fd);
}

void listen_forget(int fd, const char *path)
{
	struct sockaddr_un address, own;
	socklen_t size = sizeof own;
	scoped_fd int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct err err = { 0 };

	/* A later one that has replaced it answers, this one does not any more. */
	if (getsockname(fd, (struct sockaddr *)&own, &size) < 0 ||
	    make_address(path, &address, &err) < 0)
		return;
	shutdown(fd, SHUT_RDWR);
	if (connect(probe, (struct sockaddr *)&address, sizeof address) < 0 &&
	    errno == ECONNREFUSED)
		unlink(path);
}
