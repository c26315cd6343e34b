/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/nft_request.h"

#include "kern/nft.h"
#include "kern/nft_calls.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

enum { ANSWER_ROOM = 32768, SEND_ROOM = 100000 };

struct nft_calls nft_calls;

static const char *const names[] = { NFT_CALLS(LIBRARY_NAME) };
static struct library libnftnl = { "libnftnl.so.11", names, sizeof names / sizeof *names,
				   &nft_calls, false };

int nft_library(void)
{
	return library_load(&libnftnl);
}

const char *nft_why(int code)
{
	return code == -ELIBACC ? library_why() : strerror(-code);
}

/* libmnl returns -1 and errno. The error of a kernel without nf_tables depends on what it lacks. */
static int failure(void)
{
	switch (errno) {
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
	case ENOENT: /* of an expression or a chain type, where the callers expect no other */
		return -EOPNOTSUPP;
	default:
		return errno ? -errno : -EIO;
	}
}

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
	*nl = NULL;
}
#define scoped_mnl __attribute__((cleanup(close_socket)))

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int saved = errno;
		close_socket(&nl);
		errno = saved;
	}
	return nl;
}

/* Reads answers until the acknowledgement, the end of a dump, or an error: 0, or -1 and errno. */
static int read_answers(struct mnl_socket *nl, mnl_cb_t each, void *context)
{
	char buffer[ANSWER_ROOM];
	int more = 1;

	while (more > 0) {
		ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		/* Sequence and port are not compared: the socket belongs to this process and serves one request. */
		more = mnl_cb_run(buffer, (size_t)n, 0, 0, each, context);
	}
	return more;
}

int nft_request(const void *data, size_t size, mnl_cb_t each, void *context)
{
	scoped_mnl struct mnl_socket *nl = open_socket();
	int room = (int)(2 * size);

	/* The kernel's default has room for some hundred rules. */
	if (nl && size > SEND_ROOM)
		setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	if (!nl || mnl_socket_sendto(nl, data, size) < 0)
		return failure();
	return read_answers(nl, each, context) < 0 ? failure() : 0;
}
