/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/host_port.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int host_port_probe(bool udp, int family, const void *address, uint16_t port)
{
	bool six = family == AF_INET6;
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const struct sockaddr *name = six ? (struct sockaddr *)&name6 : (struct sockaddr *)&name4;
	scoped_fd int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (six)
		memcpy(&name6.sin6_addr, address, sizeof name6.sin6_addr);
	else
		memcpy(&name4.sin_addr, address, sizeof name4.sin_addr);
	/* A socket of both families would find IPv4's programs too. */
	if (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -errno;
	/* Connections that have ended do not count. For UDP the option would share the port. */
	if (!udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -errno;
	return bind(fd, name, six ? sizeof name6 : sizeof name4) < 0 ? -errno : 0;
}

/* The inode of a socket that receives at the port, by a table of /proc/net; 0: there is none. */
static unsigned long find_socket(const char *table, bool udp, uint16_t port)
{
	enum { LISTEN = 10, TABLE_MAX = 16 << 20 };
	scoped_free char *text = NULL;

	if (file_read(AT_FDCWD, table, TABLE_MAX, &text) < 0)
		return 0;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		unsigned local, remote, state;
		unsigned long inode;
		if (sscanf(line,
			   "%*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x %*s %*s %*s %*u %*u %lu",
			   &local, &remote, &state, &inode) == 4 &&
		    local == port && (udp ? remote == 0 : state == LISTEN))
			return inode;
	}
	return 0;
}

static bool has_socket(const char *pid, const char *wanted)
{
	char path[64], target[64];

	snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	scoped_dir DIR *fds = opendir(path);
	for (struct dirent *e; fds && (e = readdir(fds));) {
		ssize_t n = readlinkat(dirfd(fds), e->d_name, target, sizeof target - 1);
		if (n > 0 && (size_t)n == strlen(wanted) && memcmp(target, wanted, (size_t)n) == 0)
			return true;
	}
	return false;
}

static void name_program(const char *pid, char out[HOST_PORT_OWNER])
{
	scoped_free char *name = NULL;
	char path[64];

	snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	if (file_read(AT_FDCWD, path, 64, &name) < 0)
		return;
	/* A program chooses its name. */
	for (char *c = text_trim(name); *c; c++)
		*c = (char)(*c > ' ' && *c < 0x7f ? *c : '?');
	snprintf(out, HOST_PORT_OWNER, "'%.30s' (pid %.20s)", text_trim(name), pid);
}

void host_port_owner(bool udp, uint16_t port, char out[HOST_PORT_OWNER])
{
	static const char *const tables[2][2] = { { "/proc/net/tcp", "/proc/net/tcp6" },
						  { "/proc/net/udp", "/proc/net/udp6" } };
	unsigned long inode = find_socket(tables[udp][0], udp, port);
	char wanted[40];

	snprintf(out, HOST_PORT_OWNER, "another program");
	if (!inode)
		inode = find_socket(tables[udp][1], udp, port);
	if (!inode)
		return;
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	scoped_dir DIR *processes = opendir("/proc");
	for (struct dirent *e; processes && (e = readdir(processes));) {
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && has_socket(e->d_name, wanted)) {
			name_program(e->d_name, out);
			return;
		}
	}
}
