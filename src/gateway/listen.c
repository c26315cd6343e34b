/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that listen. */
#include "gateway/listen.h"

#include "base/scoped.h"
#include "base/text.h"

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
