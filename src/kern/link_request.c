/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket to rtnetlink, and the errors in libnl's answers. */
#include "kern/link_request.h"

#include "base/scoped.h"
#include "kern/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MAX = 32768 };

/* libnl maps several errno values to one code of its own, so the kernel's is taken from the message. */
static int kernel_refused(struct sockaddr_nl *from, struct nlmsgerr *answer, void *context)
{
	struct link_socket *links = context;
	struct nlmsghdr *head = (struct nlmsghdr *)((char *)answer - NLMSG_HDRLEN);

	(void)from;
	/* Only these numbers are errors; see IS_ERR_VALUE of the kernel. */
	links->code = answer->error < 0 && answer->error >= -4095 ? answer->error : -EPROTO;
	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return NL_STOP;
	size_t skip = sizeof *answer;
	if (!(head->nlmsg_flags & NLM_F_CAPPED) && answer->msg.nlmsg_len > NLMSG_HDRLEN)
		skip += answer->msg.nlmsg_len - NLMSG_HDRLEN;
	if (skip > head->nlmsg_len)
		return NL_STOP;
	struct nlattr *words = nlmsg_find_attr(head, (int)skip, NLMSGERR_ATTR_MSG);
	if (words)
		nla_strlcpy(links->why, words, sizeof links->why);
	return NL_STOP;
}

/* Errors that libnl returns without having asked the kernel. */
static int errno_of(int nl_code)
{
	switch (nl_code < 0 ? -nl_code : nl_code) {
	case NLE_INTR:
	case NLE_DUMP_INTR:
		return EINTR;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return ENODEV;
	case NLE_EXIST:
		return EEXIST;
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_INVAL:
	case NLE_RANGE:
		return EINVAL;
	case NLE_AF_NOSUPPORT:
	case NLE_OPNOTSUPP:
		return EOPNOTSUPP;
	case NLE_BUSY:
		return EBUSY;
	case NLE_AGAIN:
		return EAGAIN;
	default:
		return EIO;
	}
}

void link_request_begin(struct link_socket *links)
{
	links->code = 0;
	links->why[0] = '\0';
}

int link_request_finish(struct link_socket *links, int result)
{
	if (result >= 0)
		return 0;
	int code = links->code ? links->code : -errno_of(result);
	if (!links->why[0])
		snprintf(links->why, sizeof links->why, "%s", strerror(-code));
	return code;
}

struct link_calls link_calls;

static const char *const names[] = { LINK_CALLS(LIBRARY_NAME) };
static struct library libnl = { "libnl-route-3.so.200", names, sizeof names / sizeof *names,
				&link_calls, false };

int link_open(struct link_socket **out)
{
	const int on = 1;
	int r = library_load(&libnl);

	if (r < 0)
		return r;
	struct link_socket *links = calloc(1, sizeof *links);
	if (!links)
		return -ENOMEM;
	links->nl = nl_socket_alloc();
	if (!links->nl) {
		link_close(&links);
		return -ENOMEM;
	}
	nl_socket_modify_err_cb(links->nl, NL_CB_CUSTOM, kernel_refused, links);
	/* Otherwise libnl receives everything twice, to learn its size first; the kernel sends at most 32 KiB. */
	nl_socket_disable_msg_peek(links->nl);
	r = nl_socket_set_msg_buf_size(links->nl, ANSWER_MAX);
	if (r == 0)
		r = nl_connect(links->nl, NETLINK_ROUTE);
	if (r < 0) {
		link_close(&links);
		return -errno_of(r);
	}
	/* All three options may fail: older kernels answer with less text. */
	int fd = nl_socket_get_fd(links->nl);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	*out = links;
	return 0;
}

int link_open_in(struct link_socket **out, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	scoped_fd int theirs = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return theirs < 0 ? -errno : link_open_at(out, theirs);
}

int link_open_at(struct link_socket **out, int space)
{
	scoped_fd int ours = open("/proc/thread-self/ns/net", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (ours < 0 || setns(space, CLONE_NEWNET) < 0)
		return -errno;
	int r = link_open(out);
	/* All that this process does afterwards would be in the wrong place. */
	if (setns(ours, CLONE_NEWNET) < 0)
		abort();
	return r;
}

void link_close(struct link_socket **links)
{
	if (!*links)
		return;
	nl_socket_free((*links)->nl);
	free(*links);
	*links = NULL;
}

const char *link_why(const struct link_socket *links)
{
	return links->why[0] ? links->why : "no failure";
}

int link_request_send(struct link_socket *links, struct nl_msg *message)
{
	link_request_begin(links);
	return link_request_finish(links, message ? nl_send_sync(links->nl, message) : -NLE_NOMEM);
}

static int send_pieces(struct link_socket *links, struct nl_msg **messages, size_t count)
{
	scoped_free char *piece = NULL;
	size_t size = 0, at = 0;

	for (size_t i = 0; i < count; i++) {
		if (!messages[i])
			return -NLE_NOMEM;
		nl_complete_msg(links->nl, messages[i]);
		size += NLMSG_ALIGN(nlmsg_hdr(messages[i])->nlmsg_len);
	}
	piece = calloc(1, size);
	if (!piece)
		return -NLE_NOMEM;
	for (size_t i = 0; i < count; i++) {
		memcpy(piece + at, nlmsg_hdr(messages[i]), nlmsg_hdr(messages[i])->nlmsg_len);
		at += NLMSG_ALIGN(nlmsg_hdr(messages[i])->nlmsg_len);
	}
	return nl_sendto(links->nl, piece, size);
}

int link_request_send_all(struct link_socket *links, struct nl_msg **messages, size_t count,
			  size_t *failed)
{
	struct link_socket first = { 0 };
	int r = 0;

	link_request_begin(links);
	int sent = send_pieces(links, messages, count);
	for (size_t i = 0; i < count; i++)
		nlmsg_free(messages[i]);
	if (sent < 0)
		return link_request_finish(links, sent);
	/* Every answer comes, and must not be left to the next request. */
	for (size_t i = 0; i < count; i++) {
		link_request_begin(links);
		int answer = link_request_finish(links, nl_wait_for_ack(links->nl));
		if (answer == 0 || r < 0)
			continue;
		r = answer;
		first = *links;
		if (failed)
			*failed = i;
	}
	if (r < 0)
		*links = first;
	return r;
}

struct nl_msg *link_request_ask(int type, const void *head, size_t size)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);

	if (message)
		nlmsg_append(message, (void *)(uintptr_t)head, size, NLMSG_ALIGNTO);
	return message;
}

const void *link_request_head(struct nl_msg *message, size_t size)
{
	return nlmsg_valid_hdr(nlmsg_hdr(message), (int)size) ? nlmsg_data(nlmsg_hdr(message))
							      : NULL;
}

bool link_request_find(struct nl_msg *message, size_t head, int type, void *value, size_t size)
{
	const struct nlattr *attr = link_request_head(message, head)
					    ? nlmsg_find_attr(nlmsg_hdr(message), (int)head, type)
					    : NULL;

	if (!attr || nla_len(attr) != (int)size)
		return false;
	nla_memcpy(value, attr, (int)size);
	return true;
}

int link_request_dump(struct link_socket *links, struct nl_msg *message, nl_recvmsg_msg_cb_t each,
		      void *context)
{
	link_request_begin(links);
	if (!message)
		return link_request_finish(links, -NLE_NOMEM);
	nl_socket_modify_cb(links->nl, NL_CB_VALID, NL_CB_CUSTOM, each, context);
	int r = nl_send_auto(links->nl, message);
	nlmsg_free(message);
	if (r >= 0)
		r = nl_recvmsgs_default(links->nl);
	nl_socket_modify_cb(links->nl, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return link_request_finish(links, r);
}
