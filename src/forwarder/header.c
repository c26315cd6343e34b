/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forwarder/proxy.h"

#include <string.h>
#include <sys/socket.h>

enum { FIXED = 16, VERSION_AND_COMMAND = 0x21, TCP4 = 0x11, TCP6 = 0x21 };

union name {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static size_t add(unsigned char *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return n;
}

size_t header_make(int client, unsigned char header[HEADER_MAX])
{
	static const unsigned char signature[] = "\r\n\r\n\0\r\nQUIT\n";
	union name from = { 0 }, to = { 0 };
	socklen_t from_size = sizeof from, to_size = sizeof to;
	size_t n = FIXED;

	if (getpeername(client, &from.any, &from_size) < 0 ||
	    getsockname(client, &to.any, &to_size) < 0)
		return 0;
	bool six = from.any.sa_family == AF_INET6;
	memcpy(header, signature, sizeof signature - 1);
	header[12] = VERSION_AND_COMMAND;
	header[13] = six ? TCP6 : TCP4;
	if (six) {
		n += add(header + n, &from.six.sin6_addr, sizeof from.six.sin6_addr);
		n += add(header + n, &to.six.sin6_addr, sizeof to.six.sin6_addr);
	} else {
		n += add(header + n, &from.four.sin_addr, sizeof from.four.sin_addr);
		n += add(header + n, &to.four.sin_addr, sizeof to.four.sin_addr);
	}
	/* The port has the same place in both names. */
	n += add(header + n, &from.four.sin_port, sizeof from.four.sin_port);
	n += add(header + n, &to.four.sin_port, sizeof to.four.sin_port);
	header[14] = 0;
	header[15] = (unsigned char)(n - FIXED);
	return n;
}
