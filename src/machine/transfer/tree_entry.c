/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/rights.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* The fixed part of an entry on the socket; two strings follow. */
struct head {
	uint32_t type, mode, uid, gid, nanoseconds;
	uint32_t path, target; /* lengths without the NUL */
	int64_t seconds;
	uint64_t size;
};

/* Room for unreceived bytes: small, because the kernel limits the number of descriptors in flight. */
enum { SOCKET_ROOM = 32 << 10, FULL_TRIES = 500 };

int tree_open(const struct tree_place *place, const char *path, int flags, mode_t mode)
{
	int fd;

	if (place->root_fd >= 0)
		return file_open_in_root(place->root_fd, path, flags | O_CLOEXEC, mode);
	fd = open(path, flags | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}

const char *tree_words(const struct tree_place *place, const char *path, char out[TREE_WORDS])
{
	if (place->machine)
		snprintf(out, TREE_WORDS, "'%s' in machine '%s'", path, place->machine);
	else
		snprintf(out, TREE_WORDS, "'%s'", path);
	return out;
}

void tree_leave_out(struct tree_report *report, const struct tree_place *place, const char *path,
		    const char *why)
{
	char words[TREE_WORDS];

	if (report->left_out++ == 0)
		snprintf(report->first_left_out, sizeof report->first_left_out, "%s %s",
			 tree_words(place, path, words), why);
}

int tree_pair(int sockets[2], struct err *err)
{
	int room = SOCKET_ROOM;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_set(err, errno, "make a pair of sockets: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return 0;
}

int tree_entry_send(int socket, const struct tree_entry *entry, int fd)
{
	struct head head = {
		.type = entry->type,
		.mode = entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.nanoseconds = entry->nanoseconds,
		.path = (uint32_t)strlen(entry->path),
		.target = entry->type == TREE_ATTRIBUTE ? (uint32_t)entry->size
							: (uint32_t)strlen(entry->target),
		.seconds = entry->seconds,
		.size = entry->size,
	};
	struct iovec parts[] = {
		{ &head, sizeof head },
		{ (void *)(uintptr_t)entry->path, head.path },
		{ (void *)(uintptr_t)entry->target, head.target },
	};
	union rights_room rights;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
	const struct timespec pause = { .tv_nsec = 1000000 };

	rights_put(&message, &rights, &fd, fd >= 0);
	for (int tries = 0; sendmsg(socket, &message, MSG_NOSIGNAL) < 0;) {
		/* Other programs of the same user may have many in flight. */
		if (errno == ETOOMANYREFS && ++tries < FULL_TRIES)
			nanosleep(&pause, NULL);
		else if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	}
	return 0;
}

/* Relative, and without "..": the path stays below the folder that it is opened in. */
static bool is_below(const char *path)
{
	if (*path == '/' || !*path)
		return false;
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");
		if (n == 0 || (n == 2 && strncmp(at, "..", 2) == 0))
			return false;
		at += n;
		if (*at == '/' && !*++at)
			return false;
	}
	return true;
}

static int take_strings(struct tree_entry *entry, const struct head *head, const char *bytes,
			size_t n)
{
	if (head->path >= PATH_MAX || head->target >= PATH_MAX ||
	    head->path + (size_t)head->target != n)
		return -EPROTO;
	memcpy(entry->path, bytes, head->path);
	entry->path[head->path] = '\0';
	memcpy(entry->target, bytes + head->path, head->target);
	entry->target[head->target] = '\0';
	if (strlen(entry->path) != head->path)
		return -EPROTO;
	if (head->type == TREE_ATTRIBUTE)
		return head->size == head->target ? 1 : -EPROTO;
	if (strlen(entry->target) != head->target)
		return -EPROTO;
	if (head->type != TREE_END && !is_below(entry->path))
		return -EPROTO;
	return head->type == TREE_LINK && !is_below(entry->target) ? -EPROTO : 1;
}

int tree_entry_receive(int socket, struct tree_entry *entry, int *fd)
{
	struct head head;
	char bytes[2 * PATH_MAX];
	union rights_room rights;
	struct iovec parts[] = { { &head, sizeof head }, { bytes, sizeof bytes } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	scoped_fd int sent = -1;
	ssize_t n;

	*fd = -1;
	rights_expect(&message, &rights, 1);
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? 0 : -errno;
	rights_take(&message, &sent, 1);
	if ((size_t)n < sizeof head || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    head.type > TREE_END)
		return -EPROTO;
	bool wants_fd = head.type == TREE_FILE || head.type == TREE_STREAM;
	if (wants_fd != (sent >= 0))
		return -EPROTO;
	entry->type = head.type;
	entry->mode = head.mode & (head.type == TREE_SHOWN ? S_IFMT | 07777 : 07777);
	entry->uid = head.uid;
	entry->gid = head.gid;
	entry->seconds = head.seconds;
	entry->nanoseconds = head.nanoseconds < 1000000000 ? head.nanoseconds : 0;
	entry->size = head.size;
	int r = take_strings(entry, &head, bytes, (size_t)n - sizeof head);
	if (r > 0)
		*fd = take_fd(&sent);
	return r;
}
