/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the kernel about links and addresses: this target replaces recvmsg(2) for libnl. */
#include "fuzz.h"

#include "kern/link.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

/* The remaining answer to the last request: the input, then the end of a dump. */
static const uint8_t *input;
static size_t input_size;
static struct {
	const void *data;
	size_t size;
} datagrams[2];
static size_t next;
static uint32_t sequence;
static const struct {
	struct nlmsghdr head;
	int code;
} done = { { .nlmsg_len = sizeof done, .nlmsg_type = NLMSG_DONE, .nlmsg_flags = NLM_F_MULTI }, 0 };

/* libnl passes over answers to anything but its last request. */
static void number_answers(char *data, size_t size)
{
	while (size >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr head;
		memcpy(&head, data, sizeof head);
		head.nlmsg_seq = sequence;
		memcpy(data, &head, sizeof head);
		size_t whole = NLMSG_ALIGN((size_t)head.nlmsg_len);
		if (whole < sizeof head || whole > size)
			return;
		data += whole;
		size -= whole;
	}
}

/* The message comes from the kernel's address, and may be longer than the buffer. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec *into = message->msg_iov;

	(void)fd;
	while (next < 2 && datagrams[next].size == 0)
		next++;
	if (next == 2) {
		errno = EAGAIN;
		return -1;
	}
	size_t size = datagrams[next].size, n = size < into->iov_len ? size : into->iov_len;
	if (n > 0) {
		memcpy(into->iov_base, datagrams[next].data, n);
		number_answers(into->iov_base, n);
	}
	if (message->msg_name && message->msg_namelen >= sizeof kernel)
		memcpy(message->msg_name, &kernel, sizeof kernel);
	message->msg_namelen = sizeof kernel;
	message->msg_controllen = 0;
	message->msg_flags = size > n ? MSG_TRUNC : 0;
	if (flags & MSG_PEEK)
		return (ssize_t)size;
	next++;
	return (ssize_t)n;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct nlmsghdr head;

	(void)fd;
	(void)flags;
	memcpy(&head, message->msg_iov->iov_base, sizeof head);
	sequence = head.nlmsg_seq;
	datagrams[0].data = input;
	datagrams[0].size = input_size;
	datagrams[1].data = &done;
	datagrams[1].size = sizeof done;
	next = 0;
	return (ssize_t)message->msg_iov->iov_len;
}

static int visit6(void *context, const struct in6_addr *network, unsigned prefix, int index)
{
	(void)context;
	(void)index;
	return prefix > 128 || IN6_IS_ADDR_LINKLOCAL(network) ? -1 : 0;
}

static int visit(void *context, struct in_addr network, unsigned prefix, int index)
{
	(void)context;
	(void)network;
	(void)index;
	fuzz_check(prefix <= 32);
	return 0;
}

/* libnl loses links in answers as the kernel gives none; whether we lose any, the unit tests see. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libnl-";
}

static size_t first_message(const uint8_t *data, size_t size)
{
	struct nlmsghdr head;

	if (size < sizeof head)
		return size;
	memcpy(&head, data, sizeof head);
	return head.nlmsg_len < size ? head.nlmsg_len : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info info;

	if (link_open(&links) < 0)
		return -1;
	input = data;
	/* If a second answer follows, libnl loses the first. */
	input_size = first_message(data, size);
	link_find(links, "eth0", &info);
	input_size = size;
	link_count_ports(links, 7);
	link_has_addresses(links, 7, &(struct link_addresses){ .prefix = 24, .prefix6 = 64 });
	link_each_subnet(links, visit, NULL);
	link_each_subnet6(links, visit6, NULL);
	return 0;
}
